"""What the HTTP servers of this package share: the emulator, the proxy, the gateway, the viewer."""
