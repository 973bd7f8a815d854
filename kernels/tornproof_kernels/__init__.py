"""
The laboratory: litmus programs on real kernels, and what a crash leaves of them.

A crash model says which states a filesystem may hold after a loss of power.  Here that is
measured.  A guest plays a program on a real Linux kernel; its disk is a server of ours, which
knows what had been answered when a flush arrived; from its log come the images that a loss of
power may leave; they are recovered, in process or by the kernel itself, and compared with what
each crash model allows.

The one way of the data:

    litmus program + schedule -> guest (`machine`) -> disk log (`disk_server`)
        -> moments and images (`disk_images`) -> trees (`ext4_reader`, `mounting`)
        -> observations (`vectors`)

Nothing of Tornproof imports this package: the crash models are held to its frozen results, the
litmus vectors in `spec/litmus`, by ordinary tests without QEMU.
"""
