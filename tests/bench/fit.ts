/** Power laws through measured points. */

/** `factor * x ** exponent`. */
export interface PowerLaw {
  readonly exponent: number;
  readonly factor: number;
}

/**
 * The power law nearest to points by least squares of the logarithms.
 *
 * @param points At least two, of different `x`; all numbers above 0.
 */
export function fitPowerLaw(points: readonly { readonly x: number; readonly y: number }[]): PowerLaw {
  const logs = points.map(({ x, y }) => [Math.log(x), Math.log(y)]);
  const mean = (axis: 0 | 1) => logs.reduce((sum, log) => sum + log[axis], 0) / logs.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const spread = logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const exponent = logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
  return { exponent, factor: Math.exp(meanY - exponent * meanX) };
}

/** The power law of a given exponent through the mean of the points' logarithms. */
export function throughMean(points: readonly { readonly x: number; readonly y: number }[], exponent: number): PowerLaw {
  const mean = points.reduce((sum, { x, y }) => sum + Math.log(y) - exponent * Math.log(x), 0) / points.length;
  return { exponent, factor: Math.exp(mean) };
}
