#!/bin/busybox sh
# First process of a kernel under test: makes the host's root file system its own, read-only under a tmpfs, and runs what
# the host put into the folder that they share. What is written there, and nothing else, outlives the machine. $TREE, the
# source tree, is from the kernel's command line.
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
for module in /modules/*; do insmod "$module"; done

mkdir /host /above /new
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 host /host
mount -t tmpfs none /above
mkdir /above/upper /above/work
mount -t overlay -o lowerdir=/host,upperdir=/above/upper,workdir=/above/work none /new

mount -t proc none /new/proc
mount -t sysfs none /new/sys
mount -t devtmpfs none /new/dev
mkdir -p /new/dev/pts /new/dev/shm
mount -t devpts -o mode=620,ptmxmode=666 none /new/dev/pts
mount -t bpf none /new/sys/fs/bpf
mount -t cgroup2 none /new/sys/fs/cgroup
for place in dev/shm run tmp mnt; do mount -t tmpfs none /new/$place; done
chmod 1777 /new/dev/shm /new/tmp
mount -t 9p -o trans=virtio,version=9p2000.L,cache=none shared /new/mnt
mkdir -p "/new$TREE"
mount --bind "/host$TREE" "/new$TREE"  # it may lie in one of those places
ip link set lo up

exec switch_root /new /bin/sh -c 'sh /mnt/run; sync; busybox poweroff -f'
