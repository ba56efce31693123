/**
 * Sessions of onnxruntime-web: one call at a time, and none after a failure.
 *
 * onnxruntime-web 1.30 catches C++ exceptions only where JavaScript calls it, so what it holds when one is thrown is
 * never let go:
 * - the session's lock: its next run would block the whole thread, timers included. A session whose run failed is never
 *   run again; other sessions are not touched.
 * - the device's error scope: it would swallow every later failure of our kernels. It is closed here.
 * - pipelines that it was waiting for: one that is ready outside a call ends the runtime ({@link holdPipelines}).
 */
import { closeErrorScopes, gpuDevice, GpuError, throwGpuFailure } from "../compute/device.ts";
import type { InferenceSession } from "../compute/ort.ts";

/** What runs have shown of a session. */
interface History {
  /** Whether it ever gave outputs, which may still lie in its memory. */
  answered: boolean;
  /** What its last run failed with. */
  failure?: GpuError;
}

/** What onnxruntime-web says to every call once it is beyond help: an error cut a creation short, or it ended. */
const DEAD = ["another WebGPU EP inference session is being created", "Failed to wait for the operation"];

const histories = new WeakMap<InferenceSession, History>();
let queue: Promise<unknown> = Promise.resolve();
/** Resolved while a call runs; the next call's before. */
let call = Promise.withResolvers<void>();
let calling = false;
let pipelinesHeld = false;
let lastRefusal = "";

/**
 * Opens a session, after whatever onnxruntime-web does now. So do its runs wait, whoever calls them; one that fails,
 * fails with a {@link GpuError} and breaks the session ({@link isBroken}).
 *
 * @throws {GpuError} if it is refused.
 */
export function createWebSession(create: () => Promise<InferenceSession>): Promise<InferenceSession> {
  return exclusively(async () => {
    holdPipelines(await gpuDevice());
    throwGpuFailure();
    try {
      return guarded(await create());
    } catch (cause) {
      throw await refusal("open", cause);
    }
  });
}

function guarded(session: InferenceSession): InferenceSession {
  const run = session.run.bind(session) as (...args: unknown[]) => Promise<InferenceSession.ReturnType>;
  session.run = (...args: unknown[]) => runOnce(session, () => run(...args));
  return session;
}

function runOnce(
  session: InferenceSession,
  run: () => Promise<InferenceSession.ReturnType>,
): Promise<InferenceSession.ReturnType> {
  const history = historyOf(session);
  return exclusively(async () => {
    throwGpuFailure();
    if (history.failure) throw history.failure;
    let outputs: InferenceSession.ReturnType;
    try {
      outputs = await run();
    } catch (cause) {
      throw history.failure = await refusal("run", cause);
    }
    history.answered = true;
    throwGpuFailure();
    return outputs;
  });
}

/** Whether a run of the session failed on WebGPU, so that it has to be opened anew. */
export function isBroken(session: InferenceSession): boolean {
  return historyOf(session).failure !== undefined;
}

/** Whether the session gave outputs on WebGPU, which must not outlive it. */
export function hasAnswered(session: InferenceSession): boolean {
  return historyOf(session).answered;
}

function historyOf(session: InferenceSession): History {
  let history = histories.get(session);
  if (!history) histories.set(session, history = { answered: false });
  return history;
}

/** onnxruntime-web does one thing at a time: a second call inside the first fails. */
function exclusively<T>(action: () => Promise<T>): Promise<T> {
  const result = queue.then(async () => {
    calling = true;
    call.resolve();
    try {
      return await action();
    } finally {
      calling = false;
      call = Promise.withResolvers();
    }
  });
  queue = result.catch(() => {});
  return result;
}

/**
 * Lets pipelines be ready only while a call waits for them. onnxruntime-web's runtime ends as soon as nothing keeps it
 * alive; a pipeline that a failed call left behind would be the last thing to. The next call waits for it too.
 */
function holdPipelines(device: GPUDevice): void {
  if (pipelinesHeld) return;
  pipelinesHeld = true;
  const create = device.createComputePipelineAsync.bind(device);
  // Our kernels make theirs with createComputePipeline.
  device.createComputePipelineAsync = async (descriptor) => {
    try {
      return await create(descriptor);
    } finally {
      do {
        await call.promise;
        await nextTask();
      } while (!calling);
    }
  };
}

/** The error for what onnxruntime-web threw. */
async function refusal(what: string, cause: unknown): Promise<GpuError> {
  calling = false;
  const message = cause instanceof Error ? cause.message : String(cause);
  const held = await closeErrorScopes();
  // Failures that no scope held are reported as events.
  await nextTask();
  if (DEAD.some((words) => message.includes(words))) {
    const first = lastRefusal || oneLine(message);
    return new GpuError(`onnxruntime-web answers no more on WebGPU in this process since this: ${first}`, { cause });
  }
  const error = reported() ?? new GpuError(
    `WebGPU refused to ${what} the model's graph (${oneLine(held ?? message)}): load the model with another dtype ` +
      '("fp32" asks the least of a GPU) or with device "cpu"',
    { cause },
  );
  lastRefusal = error.message;
  return error;
}

/** What the GPU itself has to say: that it is lost, or out of memory. */
function reported(): GpuError | undefined {
  try {
    throwGpuFailure();
  } catch (error) {
    return error as GpuError;
  }
}

function oneLine(text: string): string {
  return text.replace(/^.*?ERROR_MESSAGE: /s, "").trim().replaceAll(/\s+/g, " ");
}

function nextTask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
