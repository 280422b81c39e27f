import { GatewayError } from '../contract/gateway-error.js'

/**
 * Thrown where an upstream's token needs the user first: they have not connected their account at the upstream yet, or
 * the upstream has taken the grant back. `proxy` turns it into what the client understands.
 */
export class ConnectRequired extends GatewayError {
  override readonly name = 'ConnectRequired'
  /** The page on which the user connects their account. Whoever opens it has to sign in there. */
  readonly url: string
  /** What people call the upstream. */
  readonly title: string

  constructor({ url, title }: { url: string; title: string }) {
    super('interaction_required', `Connect your account at ${title} first`)
    // The user has to read the whole address, which the message of any other error would not have
    this.message = `Connect your account at ${title} first: open ${url} in a browser, then try again`
    this.url = url
    this.title = title
  }
}
