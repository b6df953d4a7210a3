"""How well the frontends do on whole models: exactness in every phase and form, time and memory."""
