import type { PolicyInput, PolicyResource } from '../../../contract/policy.js'

/** What a rule of OPA finds in `input`, unless it is mapped otherwise. */
export interface OpaInput {
  /** Always `POST`: MCP requests are. */
  readonly method: 'POST'
  /** What is asked for as a path: `/tools/<name>/invoke`, `/resources/<uri>/read`, `/tools/list`; names are percent-encoded. */
  readonly path: string
  readonly user: {
    /** The user; absent where a client acts for itself. */
    readonly sub?: string
    readonly issuer?: string
    /** The OAuth client. */
    readonly client: string
    readonly roles: readonly string[]
    readonly groups: readonly string[]
    readonly scopes: readonly string[]
  }
  readonly resource: OpaResource
  /** The MCP method and server. */
  readonly mcp: { readonly method: string; readonly server: string }
  /** What the operator calls the environment, such as `prod`. */
  readonly env?: string
  readonly network: { readonly ip?: string }
  /** When the question is asked, in seconds since the epoch. */
  readonly time: number
  /** Those of a tool or prompt, where they are sent. */
  readonly arguments?: Readonly<Record<string, unknown>>
}

/** What is asked for. */
export interface OpaResource {
  readonly kind: PolicyResource['kind']
  /** The tool's own name; absent for everything else, so that a scope for a tool opens nothing of the same name. */
  readonly tool?: string
  /** What the server itself calls it: a name, a URI, an id. */
  readonly name?: string
  /** `invoke` for a call of a tool, otherwise the end of the MCP method: `read`, `get`, `list`. */
  readonly action: string
  /** Labels of the operator: their names where the value is empty or `true`, otherwise `name=value`. */
  readonly labels: readonly string[]
}

/** Makes the document that OPA decides on. */
export function opaInput(input: PolicyInput, environment?: string, withArguments = false): OpaInput {
  const { subject, action, resource, env } = input
  const described = opaResource(input)
  return {
    method: 'POST',
    path: pathOf(action, resource, described.action),
    user: {
      ...(subject.id === undefined ? {} : { sub: subject.id }),
      ...(subject.issuer === undefined ? {} : { issuer: subject.issuer }),
      client: subject.clientId,
      roles: subject.roles,
      groups: subject.groups,
      scopes: subject.scopes,
    },
    resource: described,
    mcp: { method: action, server: resource.server },
    ...(environment === undefined ? {} : { env: environment }),
    network: env.address === undefined ? {} : { ip: env.address },
    time: env.time,
    ...(withArguments && input.arguments !== undefined ? { arguments: input.arguments } : {}),
  }
}

/** The part of the document that differs between the entries of a list. */
export function opaResource({ action, resource }: PolicyInput): OpaResource {
  const { kind, name, labels = {} } = resource
  return {
    kind,
    ...(kind === 'tool' && name !== undefined ? { tool: name } : {}),
    ...(name === undefined ? {} : { name }),
    action: action === 'tools/call' ? 'invoke' : action.slice(action.lastIndexOf('/') + 1),
    labels: Object.entries(labels).map(([label, value]) =>
      value === '' || value === 'true' ? label : `${label}=${value}`,
    ),
  }
}

function pathOf(method: string, { kind, name }: PolicyResource, action: string): string {
  return kind === 'server' || name === undefined ? `/${method}` : `/${kind}s/${encodeName(name)}/${action}`
}

/** Half a surrogate pair cannot be encoded, and is shown as decoders do. */
function encodeName(name: string): string {
  return encodeURIComponent(new TextDecoder().decode(new TextEncoder().encode(name)))
}
