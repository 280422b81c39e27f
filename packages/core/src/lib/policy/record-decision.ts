import type { Context } from '../contract/handler.js'
import type { Decision } from '../contract/policy.js'
import { type RequestRecord, recordRefusal } from '../contract/request-record.js'
import { jsonRpcError } from '../http/json-rpc-error.js'

/**
 * Writes down by which rules a policy decided, and what one that is tried out would have decided. A refusal is written down
 * by who refuses.
 */
export function recordDecision(record: RequestRecord | undefined, { policies, shadow }: Decision): void {
  if (record === undefined) return
  if (policies !== undefined) record.policies = policies
  if (shadow !== undefined) record.shadow = shadow
}

/**
 * The answer where no decision could be had, and its record: 503, which clients may try again.
 *
 * @param reason for the operator alone
 */
export function policyUnavailable({ message, record }: Context, reason: string): Response {
  recordRefusal(record, { by: 'policy', code: 'policy_unavailable', reason }, 'error')
  const text = 'The policy cannot be asked now; try again'
  return jsonRpcError({ status: 503, message: text, id: message?.id }, { 'Retry-After': '5' })
}
