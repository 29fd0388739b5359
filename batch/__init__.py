"""The night on Spark: what is computed over all users.

A job is DataFrame to DataFrame (`slices`, and the rest that `registry` lists); `labelling` is the rule behind
slices without Spark. `jobs` runs them and serves what they give, with `embedded` and `connector` as the two
ways to a store, and `program` what `muvr batch run` starts.
"""
