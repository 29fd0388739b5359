"""What runs on a watch or phone: preprocessing, the model artefact, int8 inference, recognition, outbox.

Imports the domain and the coach, NumPy and MessagePack; never TensorFlow, a database or an actor.
"""
