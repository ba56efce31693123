import { assertOptions } from "../../compute/known_options.ts";
import type { LanguageModel } from "../../model/types.ts";
import { TOKEN_CLASSES, tokenClass } from "./token_class.ts";

/** A token of a document, as a label looks at it. */
export interface LabelledToken {
  /** Kind of the document, such as its source. */
  readonly kind: string;
  /** Token ids of the document as they were read, `<bos>` first where the model has it. */
  readonly tokens: ArrayLike<number>;
  /** Which of them it is. */
  readonly position: number;
}

/** Something that a probe is to tell of an activation. */
export interface LabelRule {
  /** What is told, in words. */
  readonly name: string;
  /** Names of its classes. */
  readonly classes: readonly string[];
  /** Whether all tokens of a document have the same: such labels are shuffled by document. */
  readonly ofDocument: boolean;
  /** Which of its classes a token has; nothing where the label does not apply. */
  classOf(token: LabelledToken): string | undefined;
}

/**
 * The kind of the document that a token is of; it does not apply to other kinds.
 *
 * @example
 * ```ts
 * const harmful = kindLabel("harmful", ["harmless", "harmful"]);
 * if (harmful.classOf({ kind: "wiki", tokens: [2, 7], position: 1 }) !== undefined) throw new Error("of neither kind");
 * ```
 */
export function kindLabel(name: string, kinds: readonly string[]): LabelRule {
  return { name, classes: kinds, ofDocument: true, classOf: ({ kind }) => kinds.includes(kind) ? kind : undefined };
}

/**
 * The class of a token by its text, see {@linkcode tokenClass}, or of one behind it.
 *
 * @param options `ahead`: how many tokens behind; default 0, the token's own. The last ones of a document then have none.
 *
 * @example
 * ```ts
 * const texts = ["<bos>", " the", "7"];
 * const model = { decode: (tokens: ArrayLike<number>) => texts[tokens[0]] };
 * const next = tokenClassLabel("next token's class", model, { ahead: 1 });
 * const classes = [1, 2].map((position) => next.classOf({ kind: "", tokens: [0, 1, 2], position }));
 * if (classes[0] !== "number" || classes[1] !== undefined) throw new Error(classes.join());
 * ```
 */
export function tokenClassLabel(
  name: string,
  model: Pick<LanguageModel, "decode">,
  options: { readonly ahead?: number } = {},
): LabelRule {
  assertOptions("tokenClassLabel", options, { ahead: "number" });
  const { ahead = 0 } = options;
  // A vocabulary is small beside a corpus: each token is decoded once.
  const known = new Map<number, string>();
  const classOf = (token: number) => {
    const className = known.get(token) ?? tokenClass(model.decode([token]));
    known.set(token, className);
    return className;
  };
  return {
    name,
    classes: TOKEN_CLASSES,
    ofDocument: false,
    classOf: ({ tokens, position }) => position + ahead < tokens.length ? classOf(tokens[position + ahead]) : undefined,
  };
}

/**
 * Which part of the context a token stands in, `<bos>` not counted. It applies to documents that fill the context: every
 * part then has tokens of the same documents.
 *
 * @param context Tokens that documents are cut to.
 * @param parts Names of the parts, of equal length, in order.
 *
 * @example
 * ```ts
 * const half = positionLabel("position", 5, ["first half", "second half"]);
 * const halves = [1, 2, 3, 4].map((position) => half.classOf({ kind: "", tokens: new Int32Array(5), position }));
 * if (halves.join() !== "first half,first half,second half,second half") throw new Error(halves.join());
 * ```
 */
export function positionLabel(name: string, context: number, parts: readonly string[]): LabelRule {
  return {
    name,
    classes: parts,
    ofDocument: false,
    classOf: ({ tokens, position }) =>
      tokens.length === context ? parts[Math.floor((position - 1) * parts.length / (context - 1))] : undefined,
  };
}

/**
 * Labels that apply to documents of some kinds only.
 *
 * @example
 * ```ts
 * const [half] = onlyOf(["code"], [positionLabel("half", 3, ["first", "second"])]);
 * const place = { tokens: new Int32Array(3), position: 1 };
 * if (half.classOf({ ...place, kind: "code" }) !== "first") throw new Error("it applies to code");
 * if (half.classOf({ ...place, kind: "prose" }) !== undefined) throw new Error("and to nothing else");
 * ```
 */
export function onlyOf(kinds: readonly string[], rules: readonly LabelRule[]): LabelRule[] {
  return rules.map((rule) => ({
    ...rule,
    classOf: (token) => kinds.includes(token.kind) ? rule.classOf(token) : undefined,
  }));
}
