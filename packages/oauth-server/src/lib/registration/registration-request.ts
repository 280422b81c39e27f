import { z } from 'zod'
import { Refusal } from '../http/refusal.js'

const text = z.string().max(200)
const url = z
  .string()
  .max(2048)
  .regex(/^https?:\/\/[^\s"'<>\\]+$/, 'must be an http(s) URL')

/** RFC 7591 section 2. Members that are not listed are ignored, as section 2 asks for. */
const schema = z.object({
  redirect_uris: z.array(z.string().max(2048)).max(20).optional(),
  client_name: text.optional(),
  client_uri: url.optional(),
  logo_uri: url.optional(),
  tos_uri: url.optional(),
  policy_uri: url.optional(),
  contacts: z.array(text).max(10).optional(),
  scope: z.string().max(4096).optional(),
  grant_types: z.array(z.string()).max(10).optional(),
  response_types: z.array(z.string()).max(10).optional(),
  token_endpoint_auth_method: z.string().optional(),
  application_type: z.enum(['web', 'native']).optional(),
  software_id: text.optional(),
  software_version: text.optional(),
})

/** What a client may say about itself. */
export type RegistrationRequest = z.infer<typeof schema>

/** @throws Refusal `invalid_redirect_uri` or `invalid_client_metadata` */
export function parseRegistrationRequest(body: unknown): RegistrationRequest {
  const result = schema.safeParse(withoutNulls(body))
  if (result.success) return result.data
  const { path, message } = result.error.issues[0] as z.core.$ZodIssue
  const code = path[0] === 'redirect_uris' ? 'invalid_redirect_uri' : 'invalid_client_metadata'
  throw new Refusal(400, code, path.length === 0 ? 'The body must be a JSON object' : `${path.join('.')}: ${message}`)
}

/** Several clients send `null` for what they leave out. */
function withoutNulls(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
}
