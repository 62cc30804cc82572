"""Where and how precisely numbers are computed: devices, random streams, several devices at once, GPU leases."""
