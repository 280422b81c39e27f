import { type AuthInfo, type Context, challenge, type PolicyInput, recordRefusal } from '@mcp-gateway/core'
import {
  decide,
  errorCodes,
  firstModern,
  hiddenReason,
  jsonRpcError,
  modernVersions,
  policyEnv,
  policySubject,
  policyUnavailable,
  recordDecision,
} from '@mcp-gateway/core/internal'
import { type AuthRefusal, refused } from './auth-decision.js'
import type { AuthRequest } from './dialect.js'
import { type Operation, readMirrored } from './mirrored-headers.js'
import type { Route } from './route.js'

/** Whether the policy of a route lets a request pass. */
export type PolicyAnswer = { readonly kind: 'passed' } | AuthRefusal

/**
 * Asks the policy of a route; a route without one lets every request pass.
 *
 * @param method the HTTP method of the original request
 * @throws {Refusal} for headers that no server may accept
 */
export async function askPolicy(
  route: Route,
  method: string,
  request: AuthRequest,
  auth: AuthInfo,
  context: Context,
): Promise<PolicyAnswer> {
  const { policy, olderRevisions = 'refuse' } = route.server
  if (policy === undefined) return { kind: 'passed' }
  const mirrored = readMirrored(method, request)
  if (mirrored.kind === 'unreliable' && olderRevisions === 'refuse') return refused(refuseOlder(method, request))
  const operation: Operation = mirrored.kind === 'operation' ? mirrored.operation : { action: '*', kind: 'server' }
  const { action, kind, name } = operation
  const input: PolicyInput = {
    subject: policySubject(auth),
    action,
    resource: { server: route.location.resource, kind, ...(name === undefined ? {} : { name }) },
    env: policyEnv(context),
  }
  const decision = await decide(policy, input, { logger: context.logger })
  recordDecision(context.record, decision)
  if (decision.allow) return { kind: 'passed' }
  const { reason, requiredScopes = [] } = decision
  if (decision.unavailable) return refused(policyUnavailable(context, reason))
  const message = decision.public === true ? reason : hiddenReason
  const code = requiredScopes.length === 0 ? 'policy' : 'insufficient_scope'
  recordRefusal(context.record, { by: 'policy', code, reason, scopes: requiredScopes })
  if (requiredScopes.length === 0) return refused(jsonRpcError({ status: 403, message }))
  // R4: everything the operation needs in one challenge
  const scope = [...new Set([...(route.server.requiredScopes ?? []), ...requiredScopes])]
  const { metadataUrl: resourceMetadataUrl } = route
  return refused(challenge({ error: 'insufficient_scope', description: message, scope, resourceMetadataUrl }))
}

// M26
function refuseOlder(method: string, request: AuthRequest): Response {
  if (method !== 'POST') {
    const message = `Only POST requests of revision ${firstModern} and later are accepted here`
    return jsonRpcError({ status: 405, message }, { Allow: 'POST' })
  }
  return jsonRpcError({
    status: 400,
    code: errorCodes.unsupportedVersion,
    message: `This server accepts revision ${firstModern} and later only`,
    data: { supported: modernVersions, requested: request.headers.get('mcp-protocol-version')?.slice(0, 40) },
  })
}
