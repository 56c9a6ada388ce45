"""Packed arrays of an HDF5 file: what they unpack to is bounded before HDF5 unpacks them."""

from __future__ import annotations

import math
import zlib

import h5py

_LARGEST_CHUNK = 2**20
_PLAIN_FILTERS: tuple[list[str], ...] = ([], ["shuffle"], ["gzip"], ["shuffle", "gzip"])


def fits(item: h5py.Dataset) -> bool:
    """Return whether the chunks of an array are no larger than itself, or small.

    Of a chunk all is unpacked, however little of it the shape shows.

    Args:
        item: the array.
    """
    return item.chunks is None or math.prod(item.chunks) <= max(item.size, _LARGEST_CHUNK)


def check_chunks(item: h5py.Dataset) -> None:
    """Check that no chunk of an array unpacks to more than its shape says.

    HDF5 enlarges its buffer for as long as a packed chunk yields more.

    Args:
        item: the array.

    Raises:
        ValueError: if one does, or is packed by anything but gzip.
    """
    if item.chunks is None:
        return
    packing = item.id.get_create_plist()
    filters = [_NAMES.get(packing.get_filter(i)[0], "") for i in range(packing.get_nfilters())]
    if filters not in _PLAIN_FILTERS:
        raise ValueError(f"'{item.name}' is packed in another way than by gzip")
    if "gzip" not in filters:
        return
    n_bytes = math.prod(item.chunks) * item.dtype.itemsize
    for number in range(item.id.get_num_chunks()):
        offset = item.id.get_chunk_info(number).chunk_offset
        _, packed = item.id.read_direct_chunk(offset)
        unpacking = zlib.decompressobj()
        try:
            size = len(unpacking.decompress(packed, n_bytes + 1))
        except zlib.error as error:
            raise ValueError(f"'{item.name}' is damaged: {error}") from error
        if size > n_bytes:
            raise ValueError(f"'{item.name}' has a chunk that unpacks to more than its shape")


_NAMES = {h5py.h5z.FILTER_SHUFFLE: "shuffle", h5py.h5z.FILTER_DEFLATE: "gzip"}
