/** What a client has to remember while it logs in; both SDKs' provider interfaces are made of it. */
export class OAuthMemory<Registration, Tokens, Discovery> {
  readonly redirectUrl = 'http://127.0.0.1:33418/callback'
  readonly clientMetadata = {
    client_name: 'Walking client',
    redirect_uris: [this.redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  }
  /** Where the person was sent. */
  authorizationUrl: URL | undefined
  #registration: Registration | undefined
  #tokens: Tokens | undefined
  #discovery: Discovery | undefined
  #verifier = ''
  #state = ''

  state(): string {
    this.#state = crypto.randomUUID()
    return this.#state
  }

  /** Whether a callback belongs to the authorization that was asked for. */
  isMine(callback: URL): boolean {
    return callback.searchParams.get('state') === this.#state
  }

  clientInformation(): Registration | undefined {
    return this.#registration
  }

  saveClientInformation(registration: Registration): void {
    this.#registration = registration
  }

  tokens(): Tokens | undefined {
    return this.#tokens
  }

  saveTokens(tokens: Tokens): void {
    this.#tokens = tokens
  }

  saveDiscoveryState(discovery: Discovery): void {
    this.#discovery = discovery
  }

  discoveryState(): Discovery | undefined {
    return this.#discovery
  }

  redirectToAuthorization(url: URL): void {
    this.authorizationUrl = url
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier
  }

  codeVerifier(): string {
    return this.#verifier
  }
}
