/**
 * The part of `@std/assert` that the tests use, over `node:assert`, so that a machine that cannot reach the jsr registry
 * runs the same tests. `links` in deno.json puts it in the registry package's place.
 */
import nodeAssert, { AssertionError } from "node:assert/strict";

export { AssertionError };

// deno-lint-ignore no-explicit-any
type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

function fail(message: string): never {
  throw new AssertionError({ message });
}

/** Fails unless `condition` is truthy. */
export function assert(condition: unknown, message = ""): asserts condition {
  nodeAssert.ok(condition, message || "Expected a truthy value");
}

/** Fails unless the two are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.deepStrictEqual(actual, expected, message);
}

/** Fails if the two are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.notDeepStrictEqual(actual, expected, message);
}

/** Fails unless the two are within `tolerance` (default: 1e-7 of `expected`). */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, message?: string): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (!(Math.abs(expected - actual) <= allowed)) {
    fail(`Expected ${actual} to be within ${allowed} of ${expected}${message ? `: ${message}` : ""}`);
  }
}

/** Fails unless `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, message?: string): void {
  if (!(actual > expected)) fail(`Expected ${actual} > ${expected}${message ? `: ${message}` : ""}`);
}

/** Fails unless `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, message?: string): void {
  if (!(actual < expected)) fail(`Expected ${actual} < ${expected}${message ? `: ${message}` : ""}`);
}

/** Fails unless `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  if (!actual.includes(expected)) {
    fail(`Expected "${actual}" to include "${expected}"${message ? `: ${message}` : ""}`);
  }
}

/** Fails unless `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  nodeAssert.match(actual, expected, message);
}

/** Fails unless `value` is an `ErrorClass` whose message includes `includes`. */
function checkError<E extends Error>(value: unknown, errorClass?: ErrorClass<E>, includes?: string): E {
  if (errorClass && !(value instanceof errorClass)) {
    fail(`Expected an error of class ${errorClass.name} but got ${String(value)}`);
  }
  if (includes !== undefined) assertStringIncludes((value as Error).message, includes);
  return value as E;
}

/** Fails unless `body` throws such an error; returns it. */
export function assertThrows<E extends Error = Error>(
  body: () => unknown,
  errorClass?: ErrorClass<E>,
  includes?: string,
): E {
  try {
    body();
  } catch (error) {
    return checkError(error, errorClass, includes);
  }
  return fail("Expected the function to throw");
}

/** Fails unless `body` rejects with such an error; resolves to it. */
export async function assertRejects<E extends Error = Error>(
  body: () => PromiseLike<unknown>,
  errorClass?: ErrorClass<E>,
  includes?: string,
): Promise<E> {
  try {
    await body();
  } catch (error) {
    return checkError(error, errorClass, includes);
  }
  return fail("Expected the function to reject");
}
