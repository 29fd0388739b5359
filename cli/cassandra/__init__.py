"""`muvr cassandra` and `LocalCluster`: real Cassandra servers on the loopback addresses of this machine."""
