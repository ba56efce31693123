/**
 * The beginnings of the token sequences of a stream: which of a prompt's first tokens an earlier prompt has too. A causal
 * model gives the same activation wherever the same tokens stand before, so those positions repeat.
 *
 * A radix tree whose edges are views of the sequences: memory goes with the tokens that differ.
 */
export class SharedPrefixes {
  readonly #root: Branch = { tokens: new Int32Array(0), next: new Map() };

  /**
   * Takes a sequence, which must stay as it is.
   *
   * @returns How many of its first tokens some sequence before it has too.
   */
  take(tokens: Int32Array): number {
    let branch = this.#root;
    let shared = 0;
    for (;;) {
      const edge = shared < tokens.length ? branch.next.get(tokens[shared]) : undefined;
      if (!edge) {
        if (shared < tokens.length) {
          branch.next.set(tokens[shared], { tokens: tokens.subarray(shared), next: new Map() });
        }
        return shared;
      }
      const same = commonLength(edge.tokens, tokens.subarray(shared));
      shared += same;
      if (same === edge.tokens.length) {
        branch = edge;
        continue;
      }
      // The sequence leaves the edge, or ends on it: what both have becomes a branch of its own.
      const rest: Branch = { tokens: edge.tokens.subarray(same), next: edge.next };
      const stem: Branch = { tokens: edge.tokens.subarray(0, same), next: new Map([[rest.tokens[0], rest]]) };
      branch.next.set(stem.tokens[0], stem);
      branch = stem;
    }
  }
}

/** Tokens, and what may follow them by its first token. */
interface Branch {
  readonly tokens: Int32Array;
  readonly next: Map<number, Branch>;
}

function commonLength(a: Int32Array, b: Int32Array): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
