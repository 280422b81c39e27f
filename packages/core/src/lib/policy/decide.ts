import type { Logger } from '../contract/logger.js'
import type { Decision, Policy, PolicyInput } from '../contract/policy.js'
import { plainUri } from '../resource-server/plain-uri.js'
import { inTime } from '../runtime/in-time.js'
import { readDecision, undecided } from './read-decision.js'

/** How a policy is asked. */
export interface DecideOptions {
  /**
   * Seconds that a decision, or all decisions of a list together, may take. What has not been decided then is not allowed.
   *
   * @default 5
   */
  readonly timeout?: number
  /** Hears why nothing could be decided. */
  readonly logger?: Logger
}

/** Questions that are open at a time to a policy that has no `many`. */
const maxOpen = 32

/**
 * Asks a policy one question. It never throws, and never allows by mistake: a policy that throws, rejects or takes too long
 * has decided nothing (`unavailable`), and what is no decision is a refusal.
 *
 * @returns a promise only where the policy gave one
 */
export function decide(policy: Policy, input: PolicyInput, options: DecideOptions = {}): Decision | Promise<Decision> {
  const decisions = decideAll(policy, [input], options)
  return isPromise(decisions) ? decisions.then(first) : first(decisions)
}

/**
 * Asks a policy many questions, as for all tools of a list: with its `many` where it has one. It answers as {@link decide}
 * does, with one decision for each question, in the same order; a `many` that does not has decided nothing.
 *
 * A resource is asked for in each spelling that its server may read: by its URI as it was written, and as a parser of URIs
 * would have it. It is allowed if both are.
 *
 * @returns a promise only where the policy gave one
 */
export function decideAll(
  policy: Policy,
  inputs: readonly PolicyInput[],
  options: DecideOptions = {},
): readonly Decision[] | Promise<readonly Decision[]> {
  if (inputs.length === 0) return []
  let asked = inputs
  if (policy.needsArguments !== true && inputs.some((input) => input.arguments !== undefined)) {
    asked = inputs.map(({ arguments: _, ...input }) => input)
  }
  const others: PolicyInput[] = []
  const indices: number[] = []
  for (let index = 0; index < asked.length; index++) {
    const other = otherSpelling(asked[index] as PolicyInput)
    if (other === undefined) continue
    others.push(other)
    indices.push(index)
  }
  if (others.length === 0) return askAll(policy, asked, options)
  const decisions = askAll(policy, [...asked, ...others], options)
  const join = (all: readonly Decision[]) => {
    const joined = all.slice(0, inputs.length)
    for (const [number, index] of indices.entries()) {
      const second = all[inputs.length + number] as Decision
      if (joined[index]?.allow === true) joined[index] = second
    }
    return joined
  }
  return isPromise(decisions) ? decisions.then(join) : join(decisions)
}

/** A value that may be waited for. A policy is the application's, whose promises may be of another library or realm. */
export function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> & Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** The same question about the URI as a parser of URIs would have it, where that is another. */
function otherSpelling(input: PolicyInput): PolicyInput | undefined {
  const { resource } = input
  if (resource.kind !== 'resource' || resource.name === undefined) return undefined
  const name = plainUri(resource.name)
  return name === resource.name ? undefined : { ...input, resource: { ...resource, name } }
}

function first(decisions: readonly Decision[]): Decision {
  return decisions[0] ?? undecided('The policy gave no decision')
}

function askAll(
  policy: Policy,
  inputs: readonly PolicyInput[],
  options: DecideOptions,
): readonly Decision[] | Promise<readonly Decision[]> {
  if (policy.many !== undefined && inputs.length > 1) return askMany(policy, inputs, options)
  const decisions: Decision[] = []
  for (const [index, input] of inputs.entries()) {
    let answer: unknown
    try {
      answer = policy(input)
      if (isPromise(answer)) return askRest(policy, inputs, { decisions, index, first: answer }, options)
    } catch (error) {
      answer = failed(error, options)
    }
    decisions.push(readDecision(answer))
  }
  return decisions
}

function askMany(
  policy: Policy,
  inputs: readonly PolicyInput[],
  options: DecideOptions,
): readonly Decision[] | Promise<readonly Decision[]> {
  const read = (answer: unknown): readonly Decision[] => {
    if (Array.isArray(answer) && answer.length === inputs.length) return Array.from(answer, readDecision)
    const got = Array.isArray(answer) ? `${answer.length} decisions` : 'no list of decisions'
    return fill(inputs, failed(`The policy answered ${inputs.length} questions with ${got}`, options))
  }
  try {
    const answer: unknown = policy.many?.(inputs)
    if (!isPromise(answer)) return read(answer)
    return within(answer, options).then(read, (error) => fill(inputs, failed(error, options)))
  } catch (error) {
    return fill(inputs, failed(error, options))
  }
}

/** What is left of a list when the first promise came. */
interface Rest {
  readonly decisions: Decision[]
  readonly index: number
  readonly first: PromiseLike<unknown>
}

async function askRest(
  policy: Policy,
  inputs: readonly PolicyInput[],
  { decisions, index, first }: Rest,
  options: DecideOptions,
): Promise<readonly Decision[]> {
  const results: (Decision | undefined)[] = [...decisions]
  results.length = inputs.length
  let next = index + 1
  let isOver = false
  const settle = async (at: number, answer: PromiseLike<unknown>): Promise<void> => {
    try {
      const decision = readDecision(await answer)
      if (!isOver) results[at] = decision
    } catch (error) {
      if (!isOver) results[at] = failed(error, options)
    }
  }
  const work = async (): Promise<void> => {
    while (next < inputs.length && !isOver) {
      const at = next++
      // What it throws at once is a rejection too
      await settle(at, new Promise((resolve) => resolve(policy(inputs[at] as PolicyInput))))
    }
  }
  const begun = settle(index, first).then(work)
  const workers = Array.from({ length: Math.min(maxOpen, inputs.length - next) }, work)
  try {
    await within(Promise.all([begun, ...workers]), options)
  } catch (error) {
    isOver = true
    const late = failed(error, options)
    return Array.from(results, (decision) => decision ?? late)
  }
  return Array.from(results, (decision) => decision ?? undecided('The policy gave no decision'))
}

function fill(inputs: readonly PolicyInput[], decision: Decision): Decision[] {
  return inputs.map(() => decision)
}

/** For what a policy threw, or has not done. */
function failed(error: unknown, { logger }: DecideOptions): Decision {
  const err = typeof error === 'string' ? new Error(error) : error
  logger?.error({ err }, 'a policy failed')
  return undecided(err instanceof Error ? err.message : 'The policy failed')
}

/** Rejects when it takes too long. */
function within<T>(value: PromiseLike<T>, { timeout = 5 }: DecideOptions): Promise<T> {
  if (timeout === Number.POSITIVE_INFINITY) return Promise.resolve(value)
  return inTime(
    () => value,
    timeout * 1000,
    () => {
      throw new Error(`The policy did not decide within ${timeout} s`)
    },
  )
}
