"""The tagger as a web service: a page to try it, and a JSON API for programs."""
