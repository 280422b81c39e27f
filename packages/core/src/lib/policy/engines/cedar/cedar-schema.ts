import { clientMethods } from '../../../protocol/methods.js'

/** What the schema of `cedar` can be told. */
export interface CedarSchemaOptions {
  /**
   * The type of `context.arguments`, as a record of Cedar such as `{ path?: String, limit?: Long }`. Declare every member
   * as optional: clients send what they like.
   *
   * @default '{}'
   */
  readonly arguments?: string
  /** Methods of extensions, which policies may name as actions then. */
  readonly methods?: readonly string[]
}

/** What has an effect beyond the answer, as far as its method tells. */
const writing: ReadonlySet<string> = new Set(['tools/call', 'tasks/update', 'tasks/cancel'])

/**
 * The Cedar schema that policies of {@link cedar} are validated against, in Cedar's own syntax. Each MCP method is an action
 * in the group `read` or `write`.
 *
 * @see https://docs.cedarpolicy.com/schema/human-readable-schema.html
 * @example
 * ```ts
 * const schema: string = cedarSchema({ arguments: '{ path?: String }' })
 * ```
 */
export function cedarSchema({ arguments: argumentsType = '{}', methods = [] }: CedarSchemaOptions = {}): string {
  const actions = [...new Set([...clientMethods, ...methods])].map((method) => {
    const group = writing.has(method) ? 'write' : 'read'
    return `  action ${JSON.stringify(method)} in [Action::"${group}"] appliesTo {
    principal: [User, Client], resource: [Tool, Prompt, Resource, Template, Task, Server], context: Context
  };`
  })
  return `namespace MCP {
  type Arguments = ${argumentsType};
  type Context = { time: Long, address?: ipaddr, arguments?: Arguments };
  entity Role, Group;
  entity User in [Role, Group] {
    subject: String, issuer?: String, clientId: String, scopes: Set<String>, actors?: Set<String>
  };
  entity Client in [Role, Group] { issuer?: String, clientId: String, scopes: Set<String>, actors?: Set<String> };
  entity Server;
  entity Tool in [Server] {
    name: String, advertisedName?: String,
    annotationsTrusted: Bool, readOnly: Bool, destructive: Bool, idempotent: Bool, openWorld: Bool
  } tags String;
  entity Prompt, Resource, Template, Task in [Server] { name: String, advertisedName?: String } tags String;
  action "read", "write";
${actions.join('\n')}
}
`
}
