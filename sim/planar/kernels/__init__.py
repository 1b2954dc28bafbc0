"""The planar physics step as one Warp kernel, each world one thread.

The modules mirror those of the JAX engine one level up, function by function: `contacts` (with `faces`), `joints`,
`solver`, `vectors`. `table` is what the kernel reads of a scene, `records` what a thread keeps of its world, `step` the
kernel, `cpu` its call from XLA on the CPU.
"""
