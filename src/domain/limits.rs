//! How many seats a login has. A missing rule is one seat, never none and never any number.

use serde::{Deserialize, Serialize};

use super::{DeviceClass, FieldError, Role};

/// One row of `limits`: how many live sessions a user with `role` may have on devices of `class`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitRule {
    /// A role, or `*` for everybody.
    #[serde(default = "any")]
    pub role: String,
    /// A device class, or `*` for all of them together.
    #[serde(default = "any")]
    pub class: String,
    /// Seats, 1 to 100.
    pub max: u32,
}

fn any() -> String {
    "*".to_owned()
}

impl LimitRule {
    pub const MAX: u32 = 100;

    /// One seat in all, for everybody: what holds where nothing is configured.
    pub fn one_in_all() -> Self {
        Self { role: any(), class: any(), max: 1 }
    }

    /// Refuses a class that does not exist, an empty role, and a `max` outside 1 to 100.
    pub fn validate(&self) -> Result<(), FieldError> {
        if self.class != "*" && self.class.parse::<DeviceClass>().is_err() {
            return Err(FieldError::new(
                "limits.class",
                format!("must be * or one of {}, not {:?}", DeviceClass::words(), self.class),
            ));
        }
        if self.role != "*" {
            Role::parse(&self.role)
                .map_err(|error| FieldError::new("limits.role", format!("{}, or be *", error.problem)))?;
        }
        if !(1..=Self::MAX).contains(&self.max) {
            return Err(FieldError::new("limits.max", format!("must be 1 to 100, not {}", self.max)));
        }
        Ok(())
    }

    fn is_for(&self, roles: &[Role]) -> bool {
        self.role == "*" || roles.iter().any(|role| role.as_str() == self.role)
    }
}

/// The limits that one login is decided by. At least one of the two is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatLimits {
    /// Seats among the devices of the newcomer's class.
    pub of_class: Option<u32>,
    /// Seats in all.
    pub in_all: Option<u32>,
}

impl SeatLimits {
    /// The limits of a login with `roles` on a device of `class`: of the rules that its roles match, the
    /// largest `max` of each class counts.
    ///
    /// Where no rule matches there is one seat: in all if no rule names the roles, of its own class if the
    /// rules only speak of other classes. A missing rule must never mean "unlimited".
    pub fn resolve(rules: &[LimitRule], roles: &[Role], class: DeviceClass) -> Self {
        let largest = |wanted: &str| {
            rules.iter().filter(|rule| rule.class == wanted && rule.is_for(roles)).map(|rule| rule.max).max()
        };
        match (largest(class.as_str()), largest("*")) {
            (None, None) if rules.iter().any(|rule| rule.is_for(roles)) => {
                Self { of_class: Some(1), in_all: None }
            }
            (None, None) => Self { of_class: None, in_all: Some(1) },
            (of_class, in_all) => Self { of_class, in_all },
        }
    }

    /// Whether they leave room in one way where `other` leaves less.
    pub fn is_wider_than(self, other: Self) -> bool {
        let is_wider =
            |max: Option<u32>, than: Option<u32>| than.is_some_and(|n| max.is_none_or(|max| max > n));
        is_wider(self.of_class, other.of_class) || is_wider(self.in_all, other.in_all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(role: &str, class: &str, max: u32) -> LimitRule {
        LimitRule { role: role.to_owned(), class: class.to_owned(), max }
    }

    fn resolve(rules: &[LimitRule], roles: &[&str], class: DeviceClass) -> (Option<u32>, Option<u32>) {
        let roles: Vec<_> = roles.iter().map(|role| Role::parse(role).unwrap()).collect();
        let limits = SeatLimits::resolve(rules, &roles, class);
        (limits.of_class, limits.in_all)
    }

    #[test]
    fn the_largest_of_several_roles_counts_per_class() {
        let rules = [rule("*", "*", 1), rule("pro", "*", 3), rule("team", "*", 5), rule("pro", "mobile", 2)];
        assert_eq!(resolve(&rules, &[], DeviceClass::Desktop), (None, Some(1)));
        assert_eq!(resolve(&rules, &["pro"], DeviceClass::Desktop), (None, Some(3)));
        assert_eq!(resolve(&rules, &["pro", "team"], DeviceClass::Mobile), (Some(2), Some(5)));
    }

    #[test]
    fn no_limit_is_wider_than_any_and_nothing_is_wider_than_itself() {
        let limits = |of_class, in_all| SeatLimits { of_class, in_all };
        assert!(limits(None, Some(2)).is_wider_than(limits(None, Some(1))));
        assert!(limits(Some(9), None).is_wider_than(limits(Some(9), Some(100))));
        assert!(limits(Some(2), Some(1)).is_wider_than(limits(Some(1), Some(5))), "in one way");
        assert!(!limits(Some(1), Some(2)).is_wider_than(limits(None, Some(2))));
        assert!(!limits(Some(1), None).is_wider_than(limits(Some(1), None)));
    }

    #[test]
    fn a_missing_rule_is_one_seat_and_never_unlimited() {
        assert_eq!(resolve(&[], &[], DeviceClass::Desktop), (None, Some(1)));
        assert_eq!(resolve(&[rule("pro", "*", 3)], &["free"], DeviceClass::Tv), (None, Some(1)));
        let by_class = [rule("*", "mobile", 2), rule("*", "desktop", 1)];
        assert_eq!(resolve(&by_class, &[], DeviceClass::Mobile), (Some(2), None));
        assert_eq!(resolve(&by_class, &[], DeviceClass::Tablet), (Some(1), None));
    }

    #[test]
    fn wrong_rules_are_refused_by_field() {
        for (wrong, field) in [
            (rule("*", "fridge", 1), "limits.class"),
            (rule("", "*", 1), "limits.role"),
            (rule("*", "*", 0), "limits.max"),
            (rule("*", "*", 101), "limits.max"),
        ] {
            assert_eq!(wrong.validate().unwrap_err().field, field);
        }
        rule("pro", "tv", 100).validate().unwrap();
    }
}
