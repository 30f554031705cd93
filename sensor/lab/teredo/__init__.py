"""Teredo's client, server and relay (RFC 4380, RFC 5991, RFC 6081): bytes in, datagrams out."""
