import { wrongOption } from '../contract/invalid-configuration.js'
import { type OptionType, type OptionTypes, optional, text } from '../contract/option-types.js'

/** How pages look, and who runs them. */
export interface PageLook {
  /** Who runs this, above every heading. */
  readonly name?: string
  /** Where people reach them, at the foot of every page: an https URL or a `mailto:` address. */
  readonly contact?: string
  /**
   * CSS after our own; `--accent`, `--card`, `--ground` and `--ink` are the colours. Whatever `--accent` is, text in it and
   * on it keeps a contrast of 4.5:1 with our grounds, in the light and in the dark theme.
   */
  readonly styles?: string
}

/** A place that people are sent to, which nobody else wrote. */
export const linkType: OptionType = (value, name) => {
  text(value, name)
  if (
    !/^(?:https:\/\/[^\s<>"]+|mailto:[^\s<>"@]+@[^\s<>"@]+|http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])[^\s<>"]*)$/.test(
      value as string,
    )
  )
    throw wrongOption(name, value, 'an https URL or a mailto: address')
}

const cssType: OptionType = (value, name) => {
  text(value, name)
  if ((value as string).includes('<')) throw wrongOption(name, value, 'CSS, without any <')
}

export const pageLookTypes: OptionTypes<PageLook> = {
  name: optional(text),
  contact: optional(linkType),
  styles: optional(cssType),
}
