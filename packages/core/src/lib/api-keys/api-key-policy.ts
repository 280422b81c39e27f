import { BoundedMap } from '../cache/bounded-map.js'
import { isWithin } from '../cache/is-within.js'
import type { Decision, Policy, PolicyInput } from '../contract/policy.js'
import { clientMethods } from '../protocol/methods.js'
import { glob } from '../text/glob.js'
import { sourcesOf } from './api-key-verifier.js'
import { isByKey } from './key-issuer.js'
import type { ApiKeySource, KeyLimits } from './key-source.js'

/** What a key may do. */
interface Limits {
  /** Whether a tool is one of its tools; absent where it is not held to any. */
  readonly isItsTool?: (name: string) => boolean
}

/** What was found out about a key. */
interface Known {
  readonly limits: Limits | undefined
  /** In milliseconds since the epoch. */
  readonly at: number
}

/** How long that holds, in milliseconds. */
const maxAge = 1000

const allowed: Decision = { allow: true }
const gone: Decision = { allow: false, reason: 'The API key is not known any more' }
const otherTool: Decision = { allow: false, reason: 'The API key is not for this tool' }
const toolsAlone: Decision = { allow: false, reason: 'The API key is for tools alone' }

/**
 * A policy that holds keys to their `tools`, the same in lists and in calls. Of a key that names tools, prompts, resources and
 * methods that are not known are refused. It lets pass keys that name none, and whoever comes without a key: give it beside your
 * other policies, of which all must allow.
 *
 * A change of the tools takes effect within a second.
 *
 * @param keys the same as of `createApiKeyVerifier`
 * @throws {GatewayError} `invalid_configuration`
 * @example
 * ```ts
 * const onlyItsTools: Policy = apiKeyPolicy(keys)
 * ```
 */
export function apiKeyPolicy(keys: ApiKeySource | readonly ApiKeySource[]): Policy {
  const sources = sourcesOf(keys, 'The keys of apiKeyPolicy')
  const known = new BoundedMap<Known>(10_000)

  const limitsOf = async (id: string): Promise<Limits | undefined> => {
    const before = known.get(id)
    if (before !== undefined && isWithin(Date.now(), before.at, maxAge)) return before.limits
    const at = Date.now()
    let found: KeyLimits | undefined
    for (const source of sources) found ??= await source.limitsOf(id)
    const limits = found && toLimits(found)
    known.set(id, { limits, at })
    return limits
  }

  const decide = async (inputs: readonly PolicyInput[]): Promise<readonly Decision[]> => {
    const ids = new Set(inputs.filter(({ subject }) => isByKey(subject.issuer)).map(({ subject }) => subject.clientId))
    const limits = new Map(await Promise.all([...ids].map(async (id) => [id, await limitsOf(id)] as const)))
    return inputs.map((input) =>
      isByKey(input.subject.issuer) ? decisionOf(input, limits.get(input.subject.clientId)) : allowed,
    )
  }

  const policy = async (input: PolicyInput): Promise<Decision> => (await decide([input]))[0] as Decision
  return Object.assign(policy, { many: decide })
}

function toLimits({ tools }: KeyLimits): Limits {
  if (tools === undefined) return {}
  const fits = tools.map(glob)
  return { isItsTool: (name) => fits.some((one) => one(name)) }
}

function decisionOf({ action, resource: { kind, name } }: PolicyInput, limits: Limits | undefined): Decision {
  if (limits === undefined) return gone
  const { isItsTool } = limits
  if (isItsTool === undefined) return allowed
  if (kind === 'tool') return name !== undefined && isItsTool(name) ? allowed : otherTool
  // A task is a call of before, which was decided on then
  if (kind === 'task') return allowed
  return kind === 'server' && clientMethods.has(action) ? allowed : toolsAlone
}
