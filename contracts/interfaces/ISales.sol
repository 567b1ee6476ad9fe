// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Sales: who may sell licences, and what all sellers keep to. Kept by the registry, which answers each sale with it.
interface ISales {
    /* EVENTS */

    /// @notice A contract may sell from now on, or makes no new sales any more.
    /// @param seller The contract.
    /// @param allowed Whether it may.
    event SellerChanged(address indexed seller, bool allowed);

    /// @notice The fee on new sales changed.
    /// @param feeBps In basis points of the price.
    event FeeChanged(uint256 feeBps);

    /// @notice Fees go to another account from now on.
    /// @param treasury Who receives them.
    event TreasuryChanged(address treasury);

    /// @notice New sales are paused.
    /// @param until When they go on (seconds since 1970); zero for at once.
    event SalesPaused(uint48 until);

    /* ERRORS */

    /// @dev The caller is not among those who may sell.
    error NotSeller(address caller);

    /// @dev New sales are paused by the guardian.
    error SalesArePaused(uint48 until);

    /// @dev The fee is over the hard cap.
    error FeeAboveCap(uint256 feeBps, uint256 maximum);

    /// @dev The treasury can be neither the zero address nor a seller, which could not give the fees away again.
    error InvalidTreasury(address treasury);

    /// @dev There is no contract at this address.
    error NotAContract(address account);

    /* SETTINGS: for those whom the access manager lets */

    /// @notice Name a contract that may sell, or end its new sales. What it sold stays, and what it holds is paid out.
    /// @param seller The contract.
    /// @param allowed Whether it may sell.
    function setSeller(address seller, bool allowed) external;

    /// @notice Set the fee on new sales.
    /// @param feeBps In basis points of the price, 500 at most.
    function setFee(uint256 feeBps) external;

    /// @notice Set who receives the fees.
    /// @param treasury The receiver.
    function setTreasury(address treasury) external;

    /// @notice Pause new sales, or let them go on.
    /// @param until When they go on by themselves (seconds since 1970); zero for at once.
    function pauseSales(uint48 until) external;

    /* VIEWS */

    /// @notice Whether a contract may sell.
    /// @param seller The contract.
    /// @return Whether it may.
    function isSeller(address seller) external view returns (bool);

    /// @notice What all sellers keep to.
    /// @return treasury Who receives the fees.
    /// @return feeBps The fee on new sales, in basis points of the price.
    /// @return pausedUntil Until when new sales are paused, if that is not over (seconds since 1970).
    function salesRules() external view returns (address treasury, uint16 feeBps, uint48 pausedUntil);
}
