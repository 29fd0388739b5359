"""TensorFlow by night: labelled windows in, a measured and quantised model file out.

TensorFlow is imported only when something is trained or exported, never by importing these modules.
"""
