// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title The brake: a pause of new publications and new sales, and of nothing else.
/// @notice The guardian of the governor may pull it once, for seven days at most. Whoever has something can transfer, use,
/// redeem, claim and distribute it meanwhile. Only the DAO makes it ready again.
interface IBrake {
    /// @notice New publications or sales, or both, are paused.
    /// @param guardian Who pulled the brake.
    /// @param publications Whether publications are paused.
    /// @param sales Whether sales are paused.
    /// @param until When they go on (seconds since 1970).
    event Braked(address indexed guardian, bool publications, bool sales, uint48 until);

    /// @notice A pause was ended before its time.
    /// @param account Who ended it.
    /// @param publications Whether publications go on.
    /// @param sales Whether sales go on.
    event Released(address indexed account, bool publications, bool sales);

    /// @notice The DAO made the brake ready again.
    event Rearmed();

    /// @dev The caller is not the guardian, or its time is over.
    error NotGuardian(address account);

    /// @dev It was pulled before, and the DAO did not make it ready again.
    error BrakeIsSpent();

    /// @dev A pause lasts from one second to seven days.
    error InvalidPause(uint256 duration, uint256 maximum);

    /// @dev A pause, or its end, is of publications or of sales, or of both.
    error NothingToPause();

    /// @notice Pause for a time.
    /// @param publications Whether to pause publications.
    /// @param sales Whether to pause sales.
    /// @param duration Seconds, up to seven days.
    function brake(bool publications, bool sales, uint48 duration) external;

    /// @notice End a pause before its time: by the guardian or the DAO.
    /// @param publications Whether publications go on.
    /// @param sales Whether sales go on.
    function release(bool publications, bool sales) external;

    /// @notice Make the brake ready again: by the DAO.
    function rearm() external;

    /// @notice Whether it can be pulled.
    /// @return Whether it can.
    function armed() external view returns (bool);
}
