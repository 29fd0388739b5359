"""The entry point of Cassandra's image: the environment becomes settings, files, and a Java that runs."""
