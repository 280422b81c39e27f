import { followLogin } from '../follow-login.js'
import type { TestMetadataOptions } from './test-metadata-options.js'
import { ensure, listed, type Walk } from './walk.js'

/** What authorization and the grants promise. */
export function flowCases(
  { issuer, fetch = globalThis.fetch, redirectUri }: TestMetadataOptions,
  walk: Walk,
): Record<string, () => Promise<void>> {
  const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

  /** Where an authorization request that cannot succeed ends. */
  async function errorOf(changes: Record<string, string>): Promise<URLSearchParams> {
    const client = await walk.register('none')
    const url = await walk.authorizationUrl(client, challenge, changes)
    // By redirect, or by a page whose link a person follows (RFC 9700 section 4.11.2)
    const { searchParams } = await followLogin(url, redirectUri, { fetch })
    ensure(searchParams.has('error'), `${JSON.stringify(changes)} is not refused`)
    return searchParams
  }

  return {
    'every scope is granted to whoever asks and is allowed': async () => {
      const scopes = listed(await walk.metadata(), 'scopes_supported')
      const { scope } = await walk.tokens(await walk.register('none'), { scope: scopes.join(' ') })
      const granted = String(scope).split(' ')
      for (const name of scopes) ensure(granted.includes(name), `The scope ${name} is not granted`)
    },
    'every response type and mode ends at the client with a code, its state and one iss': async () => {
      const metadata = await walk.metadata()
      for (const response_type of listed(metadata, 'response_types_supported')) {
        for (const response_mode of listed(metadata, 'response_modes_supported')) {
          const { callback } = await walk.authorize(await walk.register('none'), { response_type, response_mode })
          const { searchParams } = callback
          ensure(searchParams.has('code'), `No code for ${response_type} by ${response_mode}`)
          ensure(searchParams.get('state') === 'a-state', 'The state did not come back')
          if (metadata.authorization_response_iss_parameter_supported === true) {
            ensure(searchParams.getAll('iss').join() === issuer, 'iss is not the issuer')
          }
        }
      }
    },
    'errors carry iss too, and what is not offered is refused': async () => {
      const metadata = await walk.metadata()
      const refused: Record<string, string>[] = [{ response_type: 'token' }, { code_challenge_method: 'plain' }]
      for (const changes of refused) {
        const answer = await errorOf(changes)
        if (metadata.authorization_response_iss_parameter_supported === true) {
          ensure(answer.get('iss') === issuer, 'An error has no iss')
        }
      }
    },
    'every prompt is understood': async () => {
      for (const prompt of listed(await walk.metadata(), 'prompt_values_supported')) {
        if (prompt === 'none') {
          const error = (await errorOf({ prompt })).get('error') ?? ''
          ensure(/_required$/.test(error), `prompt=none without a session is ${error}`)
        } else {
          const url = await walk.authorizationUrl(await walk.register('none'), challenge, { prompt })
          const response = await fetch(url, { redirect: 'manual' })
          ensure(
            response.status < 400 && !response.headers.get('location')?.includes('error='),
            `prompt=${prompt} fails`,
          )
        }
      }
    },
    'every grant is taken, and no other': async () => {
      const grants = listed(await walk.metadata(), 'grant_types_supported')
      const client = await walk.register('none')
      for (const grant_type of [...grants, 'urn:example:none']) {
        const answer = (await (await walk.post('token_endpoint', client, { grant_type })).json()) as { error?: string }
        const unsupported = answer.error === 'unsupported_grant_type'
        ensure(unsupported !== grants.includes(grant_type), `${grant_type} is answered ${answer.error}`)
      }
      const { refresh_token } = (await walk.tokens(client)) as { refresh_token?: string }
      if (!grants.includes('refresh_token')) return
      ensure(refresh_token, 'No refresh token is issued')
      const refreshed = await walk.post('token_endpoint', client, { grant_type: 'refresh_token', refresh_token })
      ensure(refreshed.status === 200, `A refresh answers ${refreshed.status}`)
    },
    'every protected resource gets a token': async () => {
      for (const resource of listed(await walk.metadata(), 'protected_resources')) {
        await walk.tokens(await walk.register('none'), { resource })
      }
    },
  }
}
