import type { PageLook } from '@mcp-gateway/core/vault'

/** What a consent page is about, for those who write their own. Texts are not escaped yet; invisible
 * and piled-up characters are gone from them, so put the names into `bdi class="foreign"`, which isolates and clips them. */
export interface ConsentPageContent {
  /** What the client calls itself. */
  readonly clientName: string
  readonly clientId: string
  /** The host that publishes the client's metadata document; absent for other clients. */
  readonly publishedAt?: string
  /** Whether the operator configured the client, so that its name can be trusted. */
  readonly trusted: boolean
  readonly resource: string
  /** What people call it; its URL without the scheme where it has no name. */
  readonly resourceName: string
  /** What the client will be able to do in any case, in words; what the person may leave out is in the form. */
  readonly scopes: readonly string[]
  /** Where the answer goes: a host, or the URI of a private-use scheme. Absent if it is this computer. */
  readonly redirectHost?: string
  /** Who is signed in. */
  readonly account?: string
  /** Where a person without a session will sign in. */
  readonly providerTitle: string
  /** The form with its buttons, as HTML. It must be on the page, once and unchanged. */
  readonly form: string
}

/** How pages look, and who runs them. What is given here is put on them as it is. */
export interface PageOptions extends PageLook {
  /**
   * The page on which people see, and take back, what they allowed; consent pages lead to it. Without it they tell to ask whoever
   * runs the server.
   */
  readonly revokeUrl?: string
  /** The inside of the consent page as HTML. It must escape every text of the content; scripts and pictures are blocked. */
  readonly consent?: (content: ConsentPageContent) => string
}
