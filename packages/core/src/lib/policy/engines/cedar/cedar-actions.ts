import * as engine from '@cedar-policy/cedar-wasm/nodejs'
import { invalidConfiguration } from '../../../contract/invalid-configuration.js'
import { messagesOf } from './cedar-policies.js'
import type { CedarEntity, CedarUid } from './cedar-request.js'

const actionType = 'MCP::Action'

/**
 * Reads from a schema which groups each MCP method is in.
 *
 * @returns the entities that a question about a method needs: its action and all groups above it
 * @throws {GatewayError} `invalid_configuration` with what Cedar says
 */
export function actionsOf(schema: string): (method: string) => readonly CedarEntity[] {
  const read = engine.schemaToJson(schema)
  if (read.type === 'failure') {
    throw invalidConfiguration(`cedar: schema cannot be read: ${messagesOf(read.errors)}`)
  }
  const actions = read.json.MCP?.actions
  if (actions === undefined) throw invalidConfiguration('cedar: schema has no namespace MCP; begin with cedarSchema()')
  const parentsOf = (method: string): CedarUid[] => {
    const groups = Object.hasOwn(actions, method) ? (actions[method]?.memberOf ?? []) : []
    return groups.map(({ id, type }) => ({ type: type?.includes('::') ? type : actionType, id }))
  }
  const lineage = (method: string): CedarEntity[] => {
    const found = new Map<string, CedarEntity>()
    const visit = (id: string): void => {
      if (found.has(id)) return
      const parents = parentsOf(id)
      found.set(id, { uid: { type: actionType, id }, attrs: {}, parents })
      for (const parent of parents) if (parent.type === actionType) visit(parent.id)
    }
    visit(method)
    return [...found.values()]
  }
  const known = new Map(Object.keys(actions).map((method) => [method, lineage(method)]))
  return (method) => known.get(method) ?? lineage(method)
}
