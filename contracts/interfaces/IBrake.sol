// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title The brake: a pause of new publications and new sales, and of nothing else.
/// @notice The guardian of the governor may pull it once, for seven days at most. Whoever has something can transfer, use,
/// redeem, claim and distribute it meanwhile. Only the DAO makes it ready again.
interface IBrake {
    /// @notice New publications or sales, or both, are paused until then.
    event Braked(address indexed guardian, bool publications, bool sales, uint48 until);

    /// @notice The pause was ended.
    event Released(address indexed account);

    /// @notice The DAO made the brake ready again.
    event Rearmed();

    /// @dev The caller is not the guardian, or its time is over.
    error NotGuardian(address account);

    /// @dev It was pulled before, and the DAO did not make it ready again.
    error BrakeIsSpent();

    /// @dev A pause lasts from one second to seven days.
    error InvalidPause(uint256 duration, uint256 maximum);

    /// @dev A pause pauses something.
    error NothingToPause();

    /// @notice Pause for `duration` seconds.
    function brake(bool publications, bool sales, uint48 duration) external;

    /// @notice End the pause before its time: by the guardian or the DAO.
    function release() external;

    /// @notice Make the brake ready again: by the DAO.
    function rearm() external;

    /// @notice Whether it can be pulled.
    function armed() external view returns (bool);
}
