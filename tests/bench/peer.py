"""A plain NumPy port of calibration and of the published batch semantics, to measure Exemplar beside.

Reads requests from standard input, one JSON object a line, and answers each with one: what the work took
by the clock and of the processor, and its results, arrays as raw little-endian files in the folder that the request names.

    {"do": "load", "name": "x", "path": "x.f32", "dim": 2304}
    {"do": "build", "x": "x", "center": "c", "threshold": 0.4, "batch": 4064, "out": "/tmp/peer"}

`python3 peer.py versions` says what it would run with. Float32 throughout, the products by NumPy's BLAS in tiles whose result stays small, everything else vectorised.
"""

import json
import sys
import time

import numpy as np

# Rows of one product: its result is TILE x exemplars. Of 256 to 4,064 rows the fastest that holds 64 MB at K 16,000.
TILE = 1024

arrays = {}


class Clock:
    """Seconds, and seconds of the processor, since it was made."""

    def __init__(self):
        self.begin, self.used = time.perf_counter(), time.process_time()

    def taken(self):
        return {"seconds": time.perf_counter() - self.begin, "processor": time.process_time() - self.used}



def tiles(rows, size=TILE):
    return ((start, min(start + size, rows)) for start in range(0, rows, size))


def load(name, path, dim):
    arrays[name] = np.fromfile(path, np.float32).reshape(-1, dim)
    return {"rows": len(arrays[name])}


def directions_of(x, center):
    d = x - center
    d /= np.linalg.norm(d, axis=1, keepdims=True) + np.float32(1e-12)
    return d


def nearest_of(d, exemplars):
    """Exemplar of the largest dot product, the lowest on ties, and that product."""
    regions = np.empty(len(d), np.int64)
    best = np.empty(len(d), np.float32)
    products = np.empty((min(TILE, len(d)), len(exemplars)), np.float32)
    for start, end in tiles(len(d)):
        part = np.matmul(d[start:end], exemplars.T, out=products[: end - start])
        regions[start:end] = part.argmax(axis=1)
        best[start:end] = np.take_along_axis(part, regions[start:end, None], axis=1)[:, 0]
    return regions, best


def leaders_of(d, threshold):
    """Rows that found a region one after another, and for every row its leader's place among them and the product."""
    products = d @ d.T
    best = np.full(len(d), -np.inf, np.float32)
    slots = np.zeros(len(d), np.int64)
    leaders = []
    for row in range(len(d)):
        if 1 - best[row] <= threshold:
            continue
        later = products[row, row:]
        nearer = later > best[row:]
        best[row:][nearer] = later[nearer]
        slots[row:][nearer] = len(leaders)
        slots[row], best[row] = len(leaders), 1
        leaders.append(row)
    return np.array(leaders, np.int64), slots, best


def build(x, center, threshold, batch, out):
    """One dictionary: exemplars, members, and per region count, sum of directions, sums of distances and their squares."""
    x, center = arrays[x], arrays[center][0]
    clock = Clock()
    dim, size = x.shape[1], 0
    exemplars = np.empty((4096, dim), np.float32)
    sums = np.zeros((4096, dim), np.float32)
    counts, totals, squares = (np.zeros(len(x), kind) for kind in (np.int64, np.float64, np.float64))
    regions = np.empty(len(x), np.int64)
    distances = np.empty(len(x), np.float32)
    founders = []

    def found(rows, start):
        nonlocal exemplars, sums, size
        while size + len(rows) > len(exemplars):
            exemplars = np.concatenate([exemplars, np.empty_like(exemplars)])
            sums = np.concatenate([sums, np.zeros_like(sums)])
        exemplars[size : size + len(rows)] = d[rows]
        founders.extend(start + row for row in rows)
        size += len(rows)

    for start, end in tiles(len(x), batch):
        d = directions_of(x[start:end], center)
        if size == 0:
            found(np.array([0]), start)
        region, best = nearest_of(d, exemplars[:size])
        distance = np.clip(1 - best, 0, 2)
        rest = np.flatnonzero(distance > threshold)
        if len(rest):
            leaders, slots, best = leaders_of(d[rest], threshold)
            region[rest] = size + slots
            distance[rest] = np.clip(1 - best, 0, 2)
            found(rest[leaders], start)
        # Members side by side: their sum is one reduction a region.
        order = np.argsort(region, kind="stable")
        touched, first = np.unique(region[order], return_index=True)
        sums[touched] += np.add.reduceat(d[order], first, axis=0)
        counts[:size] += np.bincount(region, minlength=size)
        totals[:size] += np.bincount(region, distance, minlength=size)
        squares[:size] += np.bincount(region, distance.astype(np.float64) ** 2, minlength=size)
        regions[start:end], distances[start:end] = region, distance
    taken = clock.taken()

    np.array(founders, np.int32).tofile(f"{out}/founders.i32")
    regions.astype(np.int32).tofile(f"{out}/regions.i32")
    counts[:size].astype(np.int32).tofile(f"{out}/counts.i32")
    return {**taken, "size": size}


def nearest(x, exemplars, out):
    clock = Clock()
    regions, _ = nearest_of(arrays[x], arrays[exemplars])
    taken = clock.taken()
    regions.astype(np.int32).tofile(f"{out}/nearest.i32")
    return taken


def faiss_nearest(x, exemplars, out):
    import faiss

    # The index copies the exemplars: built before the clock starts.
    index = faiss.IndexFlatIP(arrays[x].shape[1])
    index.add(arrays[exemplars])
    clock = Clock()
    _, regions = index.search(arrays[x], 1)
    taken = clock.taken()
    regions[:, 0].astype(np.int32).tofile(f"{out}/faiss.i32")
    return taken


def center_of(x):
    """The spherical mean, scaled to what the rows reach along it."""
    unit = (x / (np.linalg.norm(x, axis=1, keepdims=True) + np.float32(1e-12))).mean(axis=0, dtype=np.float64)
    direction = unit / np.linalg.norm(unit)
    return (direction * (x.mean(axis=0, dtype=np.float64) @ direction)).astype(np.float32)


def percentiles_of(distances, percentiles):
    """With linear interpolation between ranks; puts the distances in another order."""
    ranks = [percentile / 100 * (len(distances) - 1) for percentile in percentiles]
    distances.partition(sorted({int(end) for rank in ranks for end in (np.floor(rank), np.ceil(rank))}))
    values = [(float(distances[int(np.floor(rank))]), float(distances[int(np.ceil(rank))])) for rank in ranks]
    return [low + (high - low) * (rank - np.floor(rank)) for rank, (low, high) in zip(ranks, values)]


def pair_distances(d):
    """Distances of all pairs i < j, in a row of the triangle after another."""
    distances = np.empty(len(d) * (len(d) - 1) // 2, np.float32)
    filled = 0
    for start, end in tiles(len(d)):
        # From the diagonal on: what lies below it is the same again.
        products = d[start:end] @ d[start:].T
        for row in range(end - start):
            part = products[row, row + 1 :]
            distances[filled : filled + len(part)] = part
            filled += len(part)
    np.subtract(1, distances, out=distances)
    return np.clip(distances, 0, 2, out=distances)


def calibrate(x, percentiles, batch):
    """Center, and the mean over batches of each percentile of the distances of the batch's pairs."""
    x = arrays[x]
    clock = Clock()
    center = center_of(x)
    of_batches = [
        percentiles_of(pair_distances(directions_of(x[start:end], center)), percentiles)
        for start, end in tiles(len(x), batch)
    ]
    thresholds = np.mean(of_batches, axis=0)
    return {**clock.taken(), "thresholds": thresholds.tolist()}


def calibrate_pdist(x, percentiles, batch):
    """The same by SciPy's pdist."""
    from scipy.spatial.distance import pdist

    x = arrays[x]
    clock = Clock()
    center = center_of(x)
    of_batches = [
        percentiles_of(pdist(x[start:end] - center, "cosine"), percentiles) for start, end in tiles(len(x), batch)
    ]
    thresholds = np.mean(of_batches, axis=0)
    return {**clock.taken(), "thresholds": thresholds.tolist()}


def percentiles(x, percentiles):
    clock = Clock()
    values = percentiles_of(pair_distances(arrays[x]), percentiles)
    return {**clock.taken(), "values": values}


def percentiles_pdist(x, percentiles):
    from scipy.spatial.distance import pdist

    clock = Clock()
    values = percentiles_of(pdist(arrays[x], "cosine"), percentiles)
    return {**clock.taken(), "values": values}


def product_rate():
    """GFLOP of a product in NumPy that a second of the processor does, in the fastest of some."""
    a, b = np.ones((512, 2304), np.float32), np.ones((2048, 2304), np.float32)
    times = []
    for _ in range(12):
        clock = Clock()
        a @ b.T
        times.append(clock.taken()["processor"])
    return 2 * 512 * 2304 * 2048 / min(times) / 1e9


def versions():
    found = {"python": sys.version.split()[0], "numpy": np.__version__, "product": f"{product_rate():.0f} GFLOP a processor second"}
    for name in ("scipy", "faiss"):
        try:
            found[name] = __import__(name).__version__
        except ModuleNotFoundError:
            pass
    return found


COMMANDS = {
    "versions": versions,
    "load": load,
    "build": build,
    "nearest": nearest,
    "faiss": faiss_nearest,
    "calibrate": calibrate,
    "calibrate pdist": calibrate_pdist,
    "percentiles": percentiles,
    "percentiles pdist": percentiles_pdist,
}

if __name__ == "__main__":
    requests = ['{"do": "versions"}'] if sys.argv[1:] == ["versions"] else sys.stdin
    for line in requests:
        request = json.loads(line)
        print(json.dumps(COMMANDS[request.pop("do")](**request)), flush=True)
