"""Problems and answers in files."""
