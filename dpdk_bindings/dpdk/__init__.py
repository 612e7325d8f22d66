"""DPDK from Python, beyond the ``dpdk`` backend. Importing it needs a build with libdpdk."""
