import { invalidConfiguration, isLoopbackIssuer } from '@mcp-gateway/core/internal'
import type { IdentityProvider } from '../server/identity-provider.js'

/**
 * A login for development: one text field, any name, no password. It proves nothing about anyone, and refuses to
 * start under an issuer that other machines can reach.
 *
 * @throws {GatewayError} `invalid_configuration`, from `createAuthorizationServer`, unless the issuer is loopback
 * @example
 * ```ts
 * createAuthorizationServer({ issuer: 'http://127.0.0.1:8787', storage: memoryStorage(), identityProvider: devLogin() })
 * ```
 */
export function devLogin(): IdentityProvider {
  return {
    name: 'dev',
    title: 'the development login',
    validate(issuer) {
      if (!isLoopbackIssuer(issuer)) {
        throw invalidConfiguration(
          `devLogin() accepts any name and must not serve the public issuer ${issuer}: use github(…) or oidc(…), or a loopback issuer such as http://127.0.0.1:8787`,
        )
      }
    },
    async begin() {
      return {
        form: [{ name: 'username', label: 'User name', autocomplete: 'username' }],
        submit: 'Sign in',
        note: 'For development: any name is accepted, and there is no password.',
      }
    },
    async complete({ parameters }) {
      const username = (parameters.get('username') ?? '').trim().normalize('NFC')
      // Letters, digits and the punctuation of names: nothing that could pass for something else in a header or a log
      if (!/^[\p{L}\p{N}][\p{L}\p{N} ._@+-]{0,63}$/u.test(username)) {
        return {
          again: 'Enter a name of up to 64 letters, digits, spaces or . _ @ + -, beginning with a letter or digit.',
        }
      }
      return { user: { id: username, username } }
    },
  }
}
