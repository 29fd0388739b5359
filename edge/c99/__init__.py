"""From a model file to C99 that a microcontroller compiles: no allocation, the same integers as edge.int8.

`sources/` holds the C that is the same for every model, `tables` and `vectors` write what is not.
"""
