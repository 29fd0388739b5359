"""The Cassandra backend. The driver is imported by nothing but this package."""
