"""Facts about live directories, on real servers: slapd and 389 Directory Server."""
