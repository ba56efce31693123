/**
 * Leader clustering of rows by Euclidean distance, on the host, for comparing metrics: each row within the threshold of an
 * earlier leader passes, any other founds a region. Rows of unit length make it leader clustering by cosine, as the
 * squared distance is twice the cosine distance.
 *
 * @param rows `count x dim`.
 * @param order Row numbers in stream order.
 * @param threshold Largest Euclidean distance at which a row passes.
 * @param limit Stops once there are more leaders than this; default never.
 * @returns Row numbers of the leaders, in stream order.
 *
 * @example
 * ```ts
 * const numbers = leaders(Float32Array.of(0, 1, 5, 5.5), 1, [0, 1, 2, 3], 1);
 * if (numbers.join() !== "0,2") throw new Error(numbers.join());
 * ```
 */
export function leaders(
  rows: Float32Array,
  dim: number,
  order: ArrayLike<number>,
  threshold: number,
  limit = Infinity,
): number[] {
  const numbers: number[] = [];
  // The leader that let a row pass is asked first next time: most rows then need few distances.
  const queue: number[] = [];
  const cut = threshold ** 2;
  for (let i = 0; i < order.length && numbers.length <= limit; i++) {
    const place = queue.findIndex((leader) => squaredDistance(rows, leader, rows, order[i], dim, cut) <= cut);
    if (place < 0) numbers.push(order[i]);
    queue.unshift(...(place < 0 ? [order[i]] : queue.splice(place, 1)));
  }
  return numbers;
}

/**
 * The leaders at the threshold that gives as many as asked for, or as near as bisection comes.
 *
 * @param count Leaders wanted. @param order Row numbers in stream order.
 * @param rows `count x dim`.
 * @returns Row numbers of the leaders, in stream order.
 *
 * @example
 * ```ts
 * const numbers = leadersOfCount(Float32Array.of(0, 1, 5, 5.5), 1, [0, 1, 2, 3], 3);
 * if (numbers.join() !== "0,1,2") throw new Error(numbers.join());
 * ```
 */
export function leadersOfCount(rows: Float32Array, dim: number, order: ArrayLike<number>, count: number): number[] {
  // At `low` there are too many leaders, at `high` no more than asked for. Their number mostly falls with the
  // threshold, not always: hence `best`. 24 halvings reach the resolution of float32.
  let [low, high] = [0, 1];
  while (leaders(rows, dim, order, high, count).length > count) high *= 2;
  let best = leaders(rows, dim, order, high, count);
  for (let step = 0; step < 24 && best.length !== count; step++) {
    const middle = (low + high) / 2;
    const candidate = leaders(rows, dim, order, middle, count);
    if (candidate.length > count) low = middle;
    else [high, best] = [middle, candidate.length > best.length ? candidate : best];
  }
  return best;
}

/**
 * For each row of `queries`, which of the leaders is nearest by Euclidean distance, the first on ties.
 *
 * @param queries `count x dim`.
 * @param rows Those that the leaders are of, `rows x dim`.
 * @param leaders Row numbers, such as {@linkcode leaders} gives; at least one.
 * @returns For each query an index into `leaders`.
 * @throws {RangeError} if there is no leader.
 *
 * @example
 * ```ts
 * const regions = nearestLeaders(Float32Array.of(4, 0.2), Float32Array.of(0, 1, 5, 5.5), 1, [0, 2]);
 * if (regions.join() !== "1,0") throw new Error(regions.join());
 * ```
 */
export function nearestLeaders(
  queries: Float32Array,
  rows: Float32Array,
  dim: number,
  leaders: readonly number[],
): Int32Array<ArrayBuffer> {
  if (leaders.length === 0) throw new RangeError("Expected at least one leader to be near to but found none");
  return Int32Array.from({ length: queries.length / dim }, (_, query) => {
    let [best, region] = [Infinity, 0];
    leaders.forEach((leader, i) => {
      const square = squaredDistance(rows, leader, queries, query, dim, best);
      if (square < best) [best, region] = [square, i];
    });
    return region;
  });
}

/** Squared distance of two rows; beyond `enough` it may be cut short. */
function squaredDistance(a: Float32Array, i: number, b: Float32Array, j: number, dim: number, enough: number): number {
  let [sum, p, q] = [0, i * dim, j * dim];
  for (const end = p + dim; p < end && sum <= enough;) {
    // In runs of 16, so that looking whether it is enough costs little.
    for (const stop = Math.min(p + 16, end); p < stop; p++, q++) sum += (a[p] - b[q]) ** 2;
  }
  return sum;
}
