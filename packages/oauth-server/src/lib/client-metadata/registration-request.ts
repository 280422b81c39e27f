import { displayText, Refusal } from '@mcp-gateway/core/internal'
import { z } from 'zod'
import { type ClientKeys, jwksSchema, jwksUriSchema } from './client-keys.js'

// Control characters and those that turn the direction of text could make a name look like another one. Joiners are part
// of how many languages are written, and of emoji.
const text = z
  .string()
  .max(200)
  .refine(
    (value) => !/[\p{Cc}\p{Co}\p{Cs}]|(?![\u200c\u200d])\p{Cf}/u.test(value),
    'has characters that cannot be shown',
  )
/** A name of nothing that can be seen is none. */
const name = text.transform((value) => (displayText(value).trim() === '' ? undefined : value))
const url = z
  .string()
  .max(2048)
  .regex(/^https?:\/\/[^\s"'<>\\]+$/, 'must be an http(s) URL')
/** What is only shown to who asks for the registration: left out where it will not do, rather than an end to everything. */
const unused = <T>(schema: z.ZodType<T>): z.ZodType<T | undefined> => schema.optional().catch(undefined)
const names = z.array(z.string().max(200)).max(10)

/** What a client may say about itself. */
export interface RegistrationRequest {
  redirect_uris?: string[]
  client_name?: string
  client_uri?: string
  logo_uri?: string
  tos_uri?: string
  policy_uri?: string
  contacts?: string[]
  scope?: string
  grant_types?: string[]
  response_types?: string[]
  token_endpoint_auth_method?: string
  jwks?: ClientKeys
  jwks_uri?: string
  application_type?: 'web' | 'native'
  software_id?: string
  software_version?: string
}

/** RFC 7591 section 2. Members that are not listed are ignored, as that section asks for. */
const schema: z.ZodType<RegistrationRequest> = z
  .object({
    redirect_uris: z.array(z.string().max(2048)).max(20).optional(),
    client_name: name.optional(),
    client_uri: unused(url),
    logo_uri: unused(url),
    tos_uri: unused(url),
    policy_uri: unused(url),
    contacts: unused(z.array(text).max(10)),
    scope: unused(z.string().max(4096)),
    grant_types: names.optional(),
    response_types: names.optional(),
    token_endpoint_auth_method: z.string().max(200).optional(),
    jwks: jwksSchema.optional(),
    jwks_uri: jwksUriSchema.optional(),
    application_type: unused(z.enum(['web', 'native'])),
    software_id: unused(text),
    software_version: unused(text),
  })
  .refine(({ jwks, jwks_uri }) => !jwks || !jwks_uri, 'jwks and jwks_uri must not both be there')

/** @throws {Refusal} `invalid_redirect_uri` or `invalid_client_metadata` (RFC 7591 section 3.2.2) */
export function parseRegistrationRequest(body: unknown): RegistrationRequest {
  const result = schema.safeParse(withoutNothing(body))
  if (result.success) return result.data
  const { path, message } = result.error.issues[0] as z.core.$ZodIssue
  const code = path[0] === 'redirect_uris' ? 'invalid_redirect_uri' : 'invalid_client_metadata'
  throw new Refusal(
    400,
    code,
    path.length === 0 ? `The client metadata: ${message}` : `${path.join('.').slice(0, 100)}: ${message}`,
  )
}

/** Several clients send `null` for what they leave out, and key sets without a key. */
function withoutNothing(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body
  const { jwks, jwks_uri, ...rest } = body as Record<string, unknown>
  const isEmpty =
    typeof jwks === 'object' &&
    jwks !== null &&
    (!('keys' in jwks) || (Array.isArray(jwks.keys) && jwks.keys.length === 0))
  const all = { ...rest, ...(!isEmpty && { jwks }), ...(jwks_uri !== '' && { jwks_uri }) }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null && value !== undefined))
}
