"""The night on Spark: sensor rows and confirmed labels become labelled windows for training.

`slices` is DataFrame to DataFrame, `labelling` the rule behind it without Spark, `jobs` the only module that
reads and writes a store, `program` what `python -m batch` and the command line run.
"""
