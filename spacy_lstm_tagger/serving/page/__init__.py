"""The page to try the tagger: files that are served as they are."""
