import { logTag } from './log-tag.js'
import { shownUrl, withShownUrls } from './shown-url.js'

/** A text of the log, in which each URL is shown as its {@link loggedUrl}. */
export function withLoggedUrls(text: string): string {
  return withShownUrls(text, logTag)
}

/**
 * What a log says of a URL. What is left out has a tag in its place, which is the same for the same text in this process
 * and says nothing else.
 */
export function loggedUrl(text: string): string {
  return shownUrl(text, logTag)
}
