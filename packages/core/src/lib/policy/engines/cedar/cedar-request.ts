import type { PolicyActor, PolicyInput, PolicyResource, PolicySubject } from '../../../contract/policy.js'
import { addressBytes } from '../../../http/ip-address.js'
import { isIllFormed } from '../../../json/fold-name.js'
import { isObject } from '../../../json/is-object.js'

/** A name of an entity. */
export interface CedarUid {
  readonly type: string
  readonly id: string
}

/** A value of Cedar as JSON. */
export type CedarValue = boolean | number | string | readonly CedarValue[] | { readonly [name: string]: CedarValue }

/** An entity with what is known about it. */
export interface CedarEntity {
  readonly uid: CedarUid
  readonly attrs: Readonly<Record<string, CedarValue>>
  readonly parents: readonly CedarUid[]
  readonly tags?: Readonly<Record<string, CedarValue>>
}

/** Why an input cannot be decided on. It is for the operator. */
export class Unmappable {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

/** Levels of objects and lists in arguments; Cedar's reader ends at 128 in all. */
const maxDepth = 32
/** Values in arguments: an object, a list and each of their members is one. */
const maxValues = 10_000
/** Characters of all texts in arguments. */
const maxText = 262_144
/** What Cedar takes for a reference to an entity or a value of an extension, and no data of a client may be. */
const escapes: ReadonlySet<string> = new Set(['__entity', '__extn', '__expr'])

/** `issuer|id`; the issuer has no bar in it, so that no id passes for another. */
function idOf(issuer: string | undefined, id: string): string {
  return `${(issuer ?? '').replaceAll('|', '%7C')}|${id}`
}

/**
 * The entity of a subject: a user, or a client that acts for itself. Roles and groups are its parents alone, since every
 * attribute costs time.
 *
 * @throws {Unmappable}
 */
export function subjectEntity(subject: PolicySubject): CedarEntity {
  const { issuer, id, clientId, scopes, roles, groups } = subject
  const actors = actorsOf(subject.actor)
  assertWellFormed(issuer, id, clientId, ...scopes, ...roles, ...groups, ...actors)
  return {
    uid:
      id === undefined
        ? { type: 'MCP::Client', id: idOf(issuer, clientId) }
        : { type: 'MCP::User', id: idOf(issuer, id) },
    attrs: {
      ...(id === undefined ? {} : { subject: id }),
      ...(issuer === undefined ? {} : { issuer }),
      clientId,
      scopes,
      ...(actors.length === 0 ? {} : { actors }),
    },
    parents: [
      ...roles.map((role) => ({ type: 'MCP::Role', id: role })),
      ...groups.map((group) => ({ type: 'MCP::Group', id: group })),
    ],
  }
}

function actorsOf(actor: PolicyActor | undefined): string[] {
  return actor === undefined ? [] : [idOf(actor.issuer, actor.id), ...actorsOf(actor.actor)]
}

const resourceTypes: Readonly<Record<PolicyResource['kind'], string>> = {
  tool: 'MCP::Tool',
  prompt: 'MCP::Prompt',
  resource: 'MCP::Resource',
  template: 'MCP::Template',
  task: 'MCP::Task',
  server: 'MCP::Server',
}

/**
 * The entity of a resource. Its id is `server#name` with the name that the server itself uses: a fragment is in no URL of a
 * server, so that a name on one server never passes for one on another, and renaming redirects no permission.
 *
 * @throws {Unmappable}
 */
export function resourceEntity(resource: PolicyResource): CedarEntity {
  const { server, kind, name, advertisedName, labels = {}, annotations } = resource
  assertWellFormed(server, name, advertisedName, ...Object.entries(labels).flat())
  if (kind === 'server') return { uid: { type: 'MCP::Server', id: server }, attrs: {}, parents: [] }
  if (name === undefined) throw new Unmappable(`the ${kind} has no name`)
  return {
    uid: { type: resourceTypes[kind], id: `${server}#${name}` },
    attrs: {
      name,
      ...(advertisedName === undefined ? {} : { advertisedName }),
      ...(kind === 'tool' ? hintsOf(annotations) : {}),
    },
    parents: [{ type: 'MCP::Server', id: server }],
    tags: labels,
  }
}

/** The defaults of MCP hold for what is not said, and for what is not of the right type. */
function hintsOf(annotations: PolicyResource['annotations']): Record<string, boolean> {
  const hint = (name: string, fallback: boolean): boolean => {
    const value = annotations?.[name]
    return typeof value === 'boolean' ? value : fallback
  }
  return {
    annotationsTrusted: annotations !== undefined,
    readOnly: hint('readOnlyHint', false),
    destructive: hint('destructiveHint', true),
    idempotent: hint('idempotentHint', false),
    openWorld: hint('openWorldHint', true),
  }
}

/** Half a surrogate pair cannot be told to Cedar. */
function assertWellFormed(...texts: readonly (string | undefined)[]): void {
  if (texts.some((text) => text !== undefined && isIllFormed(text))) {
    throw new Unmappable('a name is not well-formed Unicode')
  }
}

/**
 * The context of a question.
 *
 * @throws {Unmappable} for arguments that are too deep, too many or too long, or that Cedar would not take as data
 */
export function contextOf(
  { env, arguments: given }: PolicyInput,
  { withArguments, withAddress }: { readonly withArguments: boolean; readonly withAddress: boolean },
): Record<string, CedarValue> {
  const address = withAddress ? addressOf(env.address) : undefined
  return {
    time: Math.floor(env.time),
    ...(address === undefined ? {} : { address: { __extn: { fn: 'ip', arg: address } } }),
    ...(withArguments && given !== undefined ? { arguments: argumentsOf(given) } : {}),
  }
}

/** Cedar reads neither zones nor IPv4 addresses inside IPv6 ones. */
function addressOf(address: string | undefined): string | undefined {
  const bytes = address === undefined ? undefined : addressBytes(address)
  if (bytes === undefined) return undefined
  return bytes.length === 4 ? bytes.join('.') : address?.split('%', 1)[0]
}

/**
 * Arguments as values of Cedar: integers that JSON keeps exactly are numbers, all other numbers texts of them; `null` is left
 * out, since Cedar has none.
 */
function argumentsOf(given: Readonly<Record<string, unknown>>): CedarValue {
  let values = 0
  let text = 0
  const count = (one: string): string => {
    text += one.length
    if (text > maxText) throw new Unmappable(`the texts in the arguments have more than ${maxText} characters`)
    if (isIllFormed(one)) throw new Unmappable('a text in the arguments is not well-formed Unicode')
    return one
  }
  const convert = (value: unknown, depth: number): CedarValue | undefined => {
    if (++values > maxValues) throw new Unmappable(`the arguments have more than ${maxValues} values`)
    if (depth > maxDepth) throw new Unmappable(`the arguments are nested deeper than ${maxDepth} levels`)
    switch (typeof value) {
      case 'string':
        return count(value)
      case 'boolean':
        return value
      case 'number':
        return Number.isSafeInteger(value) ? value + 0 : String(value)
      case 'bigint':
        return String(value)
    }
    if (Array.isArray(value)) {
      return value.map((one) => convert(one, depth + 1)).filter((one) => one !== undefined)
    }
    if (!isObject(value)) return undefined
    const members: [string, CedarValue][] = []
    for (const [name, one] of Object.entries(value)) {
      if (escapes.has(name)) throw new Unmappable(`the arguments have a member ${name}, which Cedar takes for its own`)
      const converted = convert(one, depth + 1)
      if (converted !== undefined) members.push([count(name), converted])
    }
    // `fromEntries` defines members, whatever they are called
    return Object.fromEntries(members)
  }
  return convert(given, 0) ?? {}
}
