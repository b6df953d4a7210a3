"""Hardware that people have described for other tools, as target documents."""
