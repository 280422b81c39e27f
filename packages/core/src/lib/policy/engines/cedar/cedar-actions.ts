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
  const known = Object.fromEntries(Object.keys(actions).map((method) => [method, lineageOf(method, actions)]))
  return (method) => (Object.hasOwn(known, method) ? (known[method] as CedarEntity[]) : lineageOf(method, actions))
}

type Actions = Readonly<Record<string, engine.ActionType<string>>>

function lineageOf(method: string, actions: Actions): CedarEntity[] {
  const found: CedarEntity[] = []
  const waiting = [method]
  for (const id of waiting) {
    const parents = parentsOf(id, actions)
    // One without parents need not be told: that it is one is enough for those below
    if (parents.length > 0) found.push({ uid: { type: actionType, id }, attrs: {}, parents })
    const own = parents.filter(({ type }) => type === actionType).map((parent) => parent.id)
    waiting.push(...own.filter((parent) => !waiting.includes(parent)))
  }
  return found
}

function parentsOf(method: string, actions: Actions): CedarUid[] {
  const groups = Object.hasOwn(actions, method) ? (actions[method]?.memberOf ?? []) : []
  return groups.map(({ id, type }) => ({ type: type?.includes('::') ? type : actionType, id }))
}
