"""Steps of several micro-batches that overlap, with the optimizer once at their end (DESIGN 7).

What a step does for its batch is done for every micro-batch, and gradients add up on the device
that makes their sum. Parameters stay as they are meanwhile, so micro-batches need nothing of one
another but those sums, and buffers that pass from one to the next. The step starts one every
period, waits for the last to end, and then runs what the optimizer does, with the transfers of
gradients there and of parameters to where the next step reads them. It takes

    ramp + (count - 1) period + update

where the ramp is the time of one micro-batch from its start to its end.
"""
