/** Minimisation of smooth functions; the library is named here and nowhere else. */

// A script that its package declares to be a module: it exports nothing and leaves itself as a global. 0.0.2 is a module
// but brings 147 packages with it.
import "npm:fmin@0.0.4";

/** What we use of the library. */
interface Fmin {
  conjugateGradient(f: Objective, start: Float64Array, options: { maxIterations: number }): {
    x: Float64Array<ArrayBuffer>;
    fx: number;
    fxprime: Float64Array<ArrayBuffer>;
  };
}
const { conjugateGradient } = (globalThis as unknown as { fmin: Fmin }).fmin;

/** A smooth function: returns its value at `x` and writes its gradient there over `gradient`. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

/** When a minimisation ends. */
export interface MinimiseOptions {
  /** Steps at most. */
  iterations: number;
  /** Length of the gradient that counts as zero. */
  tolerance: number;
}

/** Where a minimisation ended. */
export interface Minimum {
  /** Where the function is smallest, as far as was looked. */
  readonly x: Float64Array<ArrayBuffer>;
  /** Its value there. */
  readonly value: number;
  /** Euclidean length of the gradient at `x`. */
  readonly gradientNorm: number;
  /** How often the function was computed. */
  readonly evaluations: number;
}

/** The library stops at gradients shorter than this. */
const LIBRARY_TOLERANCE = 1e-5;

/**
 * A minimum of a smooth function by non-linear conjugate gradients (Polak and Ribière's, with a line search that meets
 * the strong Wolfe conditions; Nocedal and Wright, "Numerical optimization", 1999, chapters 3 and 5). It keeps six
 * vectors as long as `x` and draws no random numbers.
 *
 * @param f The function.
 * @param start Where to begin.
 *
 * @example
 * ```ts
 * const parabola = (x: Float64Array, gradient: Float64Array) => {
 *   gradient[0] = 2 * (x[0] - 3);
 *   return (x[0] - 3) ** 2;
 * };
 * const { x } = minimise(parabola, Float64Array.of(0), { iterations: 10, tolerance: 1e-9 });
 * if (Math.abs(x[0] - 3) > 1e-9) throw new Error(`${x[0]}`);
 * ```
 */
export function minimise(f: Objective, start: Float64Array, { iterations, tolerance }: MinimiseOptions): Minimum {
  // In units of 1 / unit for x and unit^2 for f, the library takes the very same steps and stops at our tolerance.
  const unit = LIBRARY_TOLERANCE / tolerance;
  const x = new Float64Array(start.length);
  let evaluations = 0;
  const inUnits: Objective = (scaled, gradient) => {
    evaluations++;
    for (let i = 0; i < x.length; i++) x[i] = scaled[i] / unit;
    const value = f(x, gradient);
    for (let i = 0; i < x.length; i++) gradient[i] *= unit;
    return value * unit ** 2;
  };
  const end = conjugateGradient(inUnits, start.map((value) => value * unit), { maxIterations: iterations });
  const gradientNorm = Math.sqrt(end.fxprime.reduce((sum, g) => sum + g ** 2, 0)) / unit;
  return { x: end.x.map((value) => value / unit), value: end.fx / unit ** 2, gradientNorm, evaluations };
}
