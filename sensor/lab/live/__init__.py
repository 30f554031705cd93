"""The machines on real sockets and TUN devices: all that touches the kernel, and no protocol."""
