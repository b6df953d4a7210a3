"""A target file of the machine at hand: operations timed, the GPU's model fitted to the times.

`probes` lists the operations and `fit` finds parameters from their times, both without torch;
`timing` and `measure` run them; `document` writes what came out.
"""
