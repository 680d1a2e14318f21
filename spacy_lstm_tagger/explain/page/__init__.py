"""An explanation as a page of HTML that is complete in itself."""
