import { invalidConfiguration, wrongOption } from '../contract/invalid-configuration.js'
import {
  anyOf,
  checkOptions,
  filledText,
  flag,
  listOf,
  membersOf,
  type OptionType,
  type OptionTypes,
  object,
  optional,
  recordOf,
  text,
} from '../contract/option-types.js'
import type { Decision, Policy, PolicyInput, PolicyResource, PolicySubject } from '../contract/policy.js'
import { isObject } from '../json/is-object.js'
import { glob, isGlob } from '../text/glob.js'
import { parts } from './policy-parts.js'
import { type Denial, denied } from './read-decision.js'

/** A tool, as other gateways describe it in their tool sets. Its name is no pattern. */
export interface ToolSetTool {
  readonly name: string
  /** For readers of the configuration. */
  readonly description?: string
  /** For readers of the configuration; what clients get is the server's own. */
  readonly inputSchema?: Readonly<Record<string, unknown>>
}

/** Some tools, prompts and resources, and who may use them. In names and URIs `*` stands for any run of characters. */
export interface ToolSet {
  /**
   * Whether it counts. One that does not gives nobody anything.
   *
   * @default true
   */
  readonly enabled?: boolean
  /** For readers of the configuration. */
  readonly description?: string
  /** Where other gateways run its tools. Nothing here reads it: servers are named in `servers` of the gateway. */
  readonly sandboxUrl?: string
  /** The role that may use it, beside those of `roles`. */
  readonly requiredRole?: string
  /** The roles of which one is enough. */
  readonly roles?: readonly string[]
  /** The groups of which one is enough, in place of a role. */
  readonly groups?: readonly string[]
  /** The scopes that are all needed, beside the role or group where there is one. Who lacks only these is told to ask for them. */
  readonly scopes?: readonly string[]
  /** Gives it to every caller that has a token; needed where neither role, group nor scope is named. */
  readonly everyone?: true
  /** The servers whose parts these are, by their resource URLs or patterns of them; all by default. */
  readonly servers?: readonly string[]
  /** Names of tools, or patterns of them. */
  readonly tools?: readonly (string | ToolSetTool)[]
  /** Names of prompts, or patterns of them. */
  readonly prompts?: readonly string[]
  /** URIs of resources, or patterns of them. A resource template is one of them if its own text fits. */
  readonly resources?: readonly string[]
  /** Takes only what has all these labels; without patterns, everything that has. */
  readonly labels?: Readonly<Record<string, string>>
}

/** What holds for all tool sets. */
export interface ToolSetsOptions {
  /**
   * Roles that may do everything, also what is in no set and what no revision of the protocol knows.
   *
   * @default ['mcp-admin']
   */
  readonly adminRoles?: readonly string[]
  /** Methods beyond those of the protocol that every caller may use. */
  readonly methods?: readonly string[]
}

/**
 * A policy by tool sets: what a caller may use is in a set that is for one of the caller's roles or groups, or for the scopes of
 * the token. What is in no such set does not exist for the caller. Everybody may ask for lists, which a `policy` filters, and
 * for what the protocol needs besides; whose a task is, is not looked at here.
 *
 * @throws {GatewayError} `invalid_configuration` at construction: for a set that nobody may use, that has nothing in it, or
 *   with a member that is not known
 * @example
 * ```ts
 * const rules = toolSets({
 *   reading: { requiredRole: 'mcp-viewer', tools: ['read_*', 'search'], resources: ['note://*'] },
 *   writing: { roles: ['editor'], groups: ['staff'], scopes: ['notes:write'], tools: ['*_note'] },
 * })
 * ```
 */
export function toolSets(sets: Readonly<Record<string, ToolSet>>, options: ToolSetsOptions = {}): Policy {
  setsType(sets, 'The sets of toolSets')
  checkOptions('toolSets', options, optionTypes)
  const { adminRoles = ['mcp-admin'], methods = [] } = options
  const admins = new Set(adminRoles)
  const open = new Set([...openMethods, ...methods])
  const enabled = Object.entries(sets).map(([name, set]) => compile(name, set))
  const compiled = enabled.filter(({ set }) => set.enabled !== false)
  const tables: Tables = {
    tool: tableOf(compiled, ({ tools = [] }) => tools),
    prompt: tableOf(compiled, ({ prompts = [] }) => prompts),
    resource: tableOf(compiled, ({ resources = [] }) => resources),
  }

  const accessOf = (subject: PolicySubject, server: string): Access => {
    if (subject.roles.some((role) => admins.has(role))) return 'admin'
    return compiled.map((one) => (one.isOf(server) ? one.rightOf(subject) : 'none'))
  }
  const decideWith = (access: Access, own: Tables, { action, resource }: PolicyInput): Decision => {
    if (access === 'admin') return adminDecision
    const { kind, name } = resource
    if (kind === 'server') return open.has(action) ? openDecision : unknownMethod
    if (kind === 'task') return access.includes('full') ? openDecision : noSet
    if (name === undefined) return noSet
    return decideItem(compiled, own[kind === 'template' ? 'resource' : kind], access, resource, name)
  }

  const policy: Policy = (input) => {
    const decision = decideWith(accessOf(input.subject, input.resource.server), tables, input)
    return decision === noSet ? explained(compiled, tables, input) : decision
  }
  return Object.assign(policy, {
    [parts]: { name: 'toolSets', policies: [] },
    many: (inputs: readonly PolicyInput[]) => {
      let before: PolicyInput | undefined
      let access: Access = []
      let own: Tables = tables
      return inputs.map((input) => {
        if (before?.subject !== input.subject || before.resource.server !== input.resource.server) {
          access = accessOf(input.subject, input.resource.server)
          own = access === 'admin' ? tables : narrowed(tables, access)
        }
        before = input
        return decideWith(access, own, input)
      })
    },
    dependsOn: ['roles', 'groups', 'scopes'] as const,
  })
}

/** What clients need before they can use anything, and lists, which have only what the caller may use. */
const openMethods = [
  'initialize',
  'ping',
  'server/discover',
  'logging/setLevel',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'tasks/list',
  'subscriptions/listen',
]

/** What a caller may do with each set; `scopes` where nothing is missing but these. */
type Access = 'admin' | readonly ('none' | 'scopes' | 'full')[]

const adminDecision: Decision = { allow: true, policies: ['toolSets:admin'] }
const openDecision: Decision = { allow: true }
const noSet: Denial = denied('No tool set of the caller has it')
const unknownMethod: Denial = denied('No tool set has methods, and this is none that everybody may use')

interface CompiledSet {
  readonly name: string
  readonly set: ToolSet
  readonly allowed: Decision
  readonly lacksScopes: Denial
  readonly isOf: (server: string) => boolean
  readonly rightOf: (subject: PolicySubject) => 'none' | 'scopes' | 'full'
  readonly fits: (labels: PolicyResource['labels']) => boolean
}

function compile(name: string, set: ToolSet): CompiledSet {
  const { requiredRole, roles = [], groups = [], scopes = [], servers, labels } = set
  const policies = [`toolSets:${name}`]
  const ownRoles = new Set(requiredRole === undefined ? roles : [...roles, requiredRole])
  const ownGroups = new Set(groups)
  const isForAll = ownRoles.size === 0 && ownGroups.size === 0
  const ownServers = servers?.map(glob)
  const wanted = Object.entries(labels ?? {})
  return {
    name,
    set,
    allowed: { allow: true, policies },
    lacksScopes: {
      allow: false,
      reason: `The tool set ${name} needs ${scopes.join(' ')}`,
      requiredScopes: scopes,
      policies,
    },
    isOf: (server) => ownServers === undefined || ownServers.some((fits) => fits(server)),
    rightOf: (subject) => {
      const isMember =
        isForAll ||
        subject.roles.some((role) => ownRoles.has(role)) ||
        subject.groups.some((group) => ownGroups.has(group))
      // Without a token there is nobody whom a set could be for
      if (!isMember || subject.clientId === '') return 'none'
      return scopes.every((scope) => subject.scopes.includes(scope)) ? 'full' : 'scopes'
    },
    fits: (own) =>
      wanted.every(([label, value]) => own !== undefined && Object.hasOwn(own, label) && own[label] === value),
  }
}

/** Which sets have a name, by their numbers. */
interface Table {
  readonly exact: ReadonlyMap<string, readonly number[]>
  readonly patterns: readonly { readonly fits: (text: string) => boolean; readonly set: number }[]
}

function tableOf(sets: readonly CompiledSet[], entriesOf: (set: ToolSet) => readonly (string | ToolSetTool)[]): Table {
  const exact = new Map<string, number[]>()
  const patterns: { fits: (text: string) => boolean; set: number }[] = []
  for (const [number, { set }] of sets.entries()) {
    for (const entry of entriesOf(set)) {
      if (typeof entry === 'string' && isGlob(entry)) patterns.push({ fits: glob(entry), set: number })
      else {
        const name = typeof entry === 'string' ? entry : entry.name
        exact.set(name, [...(exact.get(name) ?? []), number])
      }
    }
    if (!hasPatterns(set)) patterns.push({ fits: () => true, set: number })
  }
  return { exact, patterns }
}

type Tables = Readonly<Record<'tool' | 'prompt' | 'resource', Table>>

/** The same with the patterns alone of sets that the caller may use, for as many names as a list has. */
function narrowed(tables: Tables, access: Exclude<Access, 'admin'>): Tables {
  const narrow = ({ exact, patterns }: Table) => ({
    exact,
    patterns: patterns.filter(({ set }) => access[set] !== 'none'),
  })
  return { tool: narrow(tables.tool), prompt: narrow(tables.prompt), resource: narrow(tables.resource) }
}

function decideItem(
  sets: readonly CompiledSet[],
  { exact, patterns }: Table,
  access: Exclude<Access, 'admin'>,
  { labels }: PolicyResource,
  name: string,
): Decision {
  let lacking: Denial | undefined
  for (const number of exact.get(name) ?? none) {
    const set = sets[number] as CompiledSet
    if (access[number] === 'none' || !set.fits(labels)) continue
    if (access[number] === 'full') return set.allowed
    lacking ??= set.lacksScopes
  }
  for (const { fits, set: number } of patterns) {
    if (access[number] === 'none' || !fits(name)) continue
    const set = sets[number] as CompiledSet
    if (!set.fits(labels)) continue
    if (access[number] === 'full') return set.allowed
    lacking ??= set.lacksScopes
  }
  return lacking ?? noSet
}

const none: readonly number[] = []

/** Tells the operator who might, for a single question. */
function explained(sets: readonly CompiledSet[], tables: Tables, input: PolicyInput): Denial {
  const { kind, name = '', labels } = input.resource
  if (kind === 'server' || kind === 'task') return noSet
  const table = tables[kind === 'template' ? 'resource' : kind]
  const all = [
    ...(table.exact.get(name) ?? none),
    ...table.patterns.filter(({ fits }) => fits(name)).map(({ set }) => set),
  ]
  const having = sets.filter(
    (set, number) => all.includes(number) && set.fits(labels) && set.isOf(input.resource.server),
  )
  if (having.length === 0) return denied('No tool set has it')
  const who = having.map(({ name, set: { requiredRole, roles = [], groups = [] } }) => {
    const names = [...(requiredRole === undefined ? roles : [requiredRole, ...roles]), ...groups]
    return `${name} (for ${names.join(', ') || 'callers with a token'})`
  })
  return denied(`No tool set of the caller has it; those that have are ${who.join(', ')}`)
}

function hasPatterns({ tools, prompts, resources }: ToolSet): boolean {
  return tools !== undefined || prompts !== undefined || resources !== undefined
}

const texts = listOf(filledText, 'a list of strings')

const toolType: OptionType = anyOf(
  'a name, or { name }',
  filledText,
  membersOf<ToolSetTool>({ name: filledText, description: optional(text), inputSchema: optional(object) }),
)

const setTypes: OptionTypes<ToolSet> = {
  enabled: optional(flag),
  description: optional(text),
  sandboxUrl: optional(text),
  requiredRole: optional(filledText),
  roles: optional(texts),
  groups: optional(texts),
  scopes: optional(texts),
  everyone: optional((value, name) => {
    if (value !== true) throw wrongOption(name, value, 'true, or leave it out')
  }),
  servers: optional(texts),
  tools: optional(listOf(toolType, 'a list of names, or of { name }')),
  prompts: optional(texts),
  resources: optional(texts),
  labels: optional(recordOf(text)),
}

const members: OptionType = membersOf(setTypes)

const setType: OptionType = (value, name) => {
  // A name that is not known may be meant to keep somebody out
  const unknown = isObject(value) ? Object.keys(value).find((key) => !Object.hasOwn(setTypes, key)) : undefined
  if (unknown !== undefined) {
    throw invalidConfiguration(`${name}.${unknown} is not known; use ${Object.keys(setTypes).join(', ')}`)
  }
  members(value, name)
  const { requiredRole, roles = [], groups = [], scopes = [], everyone, labels, ...rest } = value as ToolSet
  const isForSome = requiredRole !== undefined || roles.length + groups.length + scopes.length > 0
  if (isForSome === (everyone === true)) {
    throw invalidConfiguration(
      isForSome
        ? `${name}.everyone contradicts its role, group or scope; remove one`
        : `${name} is for nobody; name requiredRole, roles, groups or scopes, or set everyone to true`,
    )
  }
  if (!hasPatterns(rest) && Object.keys(labels ?? {}).length === 0) {
    throw invalidConfiguration(`${name} has nothing in it; name tools, prompts, resources or labels`)
  }
}

const setsType: OptionType = recordOf(setType, 'an object with a tool set for each name')

const optionTypes: OptionTypes<ToolSetsOptions> = { adminRoles: optional(texts), methods: optional(texts) }
